//! Deliveries: one message at one consumer.
//!
//! | what happens | command |
//! |---|---|
//! | the ordinary case | [`PostTransfer`]: the effect and its receipt |
//! | an earlier handler may have died | [`StartDelivery`] counts the attempt, then the effect |
//! | the handler failed | [`FailDelivery`]: a later attempt, or dead |
//! | the store was unavailable | [`PutOffDelivery`]: the attempt does not count |
//!
//! The effect is refused only if it happened before, or if a person decides on the delivery.

mod fail_delivery;
mod post_transfer;
mod start_delivery;

pub use fail_delivery::{FailDelivery, PutOffDelivery};
pub use post_transfer::PostTransfer;
pub use start_delivery::StartDelivery;

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::commands::draft::{About, Draft};
use crate::ids::{InboxId, MessageId, TenantId};
use crate::lifecycle::delivery::{Event, State};
use crate::lifecycle::{CurrentState, State as _, Step, delivery};
use crate::limits::ERROR_CHARACTERS_MAX;
use crate::refusal::Refusal;
use crate::rows::{Delivery, Facts, Subject};
use crate::time::Timestamp;

/// A message at a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryKey {
    pub tenant: TenantId,
    pub message: MessageId,
    pub consumer: &'static str,
}

impl DeliveryKey {
    pub fn id(&self) -> InboxId {
        InboxId::of(self.consumer, self.message)
    }

    /// The receipt, to be written with the effect. Refused if the effect happened before, or if a
    /// person decides on the delivery.
    pub fn receipt(&self, facts: &Facts, now: Timestamp) -> Result<Delivery, Refusal> {
        let delivery = self.delivery(facts, now);
        if delivery.state.is(State::Dead) {
            return Err(Refusal::DeliveryIsDead);
        }
        let receive = delivery.state.step(Event::Receive).ok_or(Refusal::NothingToDo)?;
        Ok(Delivery {
            state: receive.to(),
            attempts: delivery.attempts.max(1),
            due_at: None,
            updated_at: now,
            ..delivery
        })
    }

    /// The stored delivery, or a new one.
    fn delivery(&self, facts: &Facts, now: Timestamp) -> Delivery {
        facts.inbox.get(self.id()).cloned().unwrap_or_else(|| Delivery {
            id: self.id(),
            tenant: self.tenant,
            consumer: self.consumer.to_owned(),
            message: self.message,
            state: CurrentState::start(),
            attempts: 0,
            last_error: None,
            due_at: None,
            created_at: now,
            updated_at: now,
        })
    }
}

pub(super) fn about(delivery: &Delivery) -> About {
    About { tenant: delivery.tenant, kind: Subject::Delivery, id: delivery.id.0 }
}

/// Moves the delivery to the dead letters, where a person finds it.
fn give_up(draft: &mut Draft<'_>, delivery: Delivery, step: Step<delivery::State>, why: String) {
    let (from, to) = (step.from(), step.to());
    draft.audit_because(about(&delivery), "gave_up", Some(from.name()), Some(to.name()), Some(why.clone()));
    draft.put(Delivery {
        state: to,
        due_at: None,
        last_error: Some(why),
        updated_at: draft.context.now,
        ..delivery
    });
}

fn bounded(error: &str) -> String {
    error.chars().take(ERROR_CHARACTERS_MAX).collect()
}
