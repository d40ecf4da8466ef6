//! Fail a delivery: its handler failed. It is tried again later, or becomes a dead letter once its
//! attempts are used up. Put off a delivery: the failure was not the message's.

use alloc::string::String;

use super::{DeliveryKey, bounded, give_up};
use crate::commands::draft::{Draft, Origin};
use crate::ids::TenantId;
use crate::lifecycle::delivery::Event;
use crate::refusal::Refusal;
use crate::reply::{DeliveryStatus, Reply};
use crate::rows::{Actor, Delivery, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct FailDelivery {
    pub at: DeliveryKey,
    pub error: String,
    /// The time until the next attempt.
    pub pause: Span,
    pub attempts_max: i64,
    /// Whether this attempt was counted when it began.
    pub counted: bool,
}

impl Command for FailDelivery {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.delivery(self.at.id());
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let mut delivery = self.at.delivery(facts, context.now);
        let fail = delivery.state.step(Event::Fail).ok_or(Refusal::NothingToDo)?;
        let dead = delivery.state.step(Event::GiveUp).ok_or(Refusal::NothingToDo)?;
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        delivery.attempts += i64::from(!self.counted);
        if delivery.attempts >= self.attempts_max {
            give_up(&mut draft, delivery, dead, bounded(&self.error));
            return Ok(draft.reply(Reply::Delivery(DeliveryStatus::Dead)));
        }
        draft.put(Delivery {
            state: fail.to(),
            due_at: Some(context.now.plus(self.pause)),
            last_error: Some(bounded(&self.error)),
            updated_at: context.now,
            ..delivery
        });
        Ok(draft.reply(Reply::Delivery(DeliveryStatus::Waiting)))
    }
}

/// A delivery that was begun could not be tried: the store was unavailable, or another transaction held its
/// rows. An outage must not use up attempts, so the attempt is not counted.
#[derive(Clone, Debug)]
pub struct PutOffDelivery {
    pub at: DeliveryKey,
    pub pause: Span,
}

impl Command for PutOffDelivery {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.delivery(self.at.id());
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let delivery = self.at.delivery(facts, context.now);
        let fail = delivery.state.step(Event::Fail).ok_or(Refusal::NothingToDo)?;
        if delivery.attempts == 0 {
            return Err(Refusal::NothingToDo);
        }
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        draft.put(Delivery {
            state: fail.to(),
            attempts: delivery.attempts - 1,
            due_at: Some(context.now.plus(self.pause)),
            updated_at: context.now,
            ..delivery
        });
        Ok(draft.reply(Reply::Delivery(DeliveryStatus::Waiting)))
    }
}
