//! Start a delivery: the attempt is counted before the handler starts, so that a message which
//! kills the process runs out of attempts.

use alloc::format;
use alloc::string::String;

use super::DeliveryKey;
use crate::commands::draft::{Draft, Origin};
use crate::ids::TenantId;
use crate::lifecycle::delivery::{Event, State, step};
use crate::reply::{DeliveryStatus, Reply};
use crate::rows::{Actor, Delivery, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct StartDelivery {
    pub at: DeliveryKey,
    /// The time until the next attempt, if this one does not report its outcome.
    pub pause: Span,
    pub attempts_max: i64,
}

impl Command for StartDelivery {
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
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let status = match *delivery.state {
            State::Dead => DeliveryStatus::Dead,
            State::Received | State::Discarded => DeliveryStatus::Received,
            State::Waiting if delivery.due_at.is_some_and(|due_at| due_at > context.now) => {
                DeliveryStatus::Waiting
            }
            State::Waiting if delivery.attempts >= self.attempts_max => {
                let step = const { step(State::Waiting, Event::GiveUp) };
                let why = delivery.last_error.clone().unwrap_or_else(|| never_ended(delivery.attempts));
                super::give_up(&mut draft, delivery, step, why);
                DeliveryStatus::Dead
            }
            State::Waiting => {
                let counted = !fault_injection::is(fault_injection::InjectedFault::AttemptsNotCounted);
                let attempts = delivery.attempts + i64::from(counted);
                draft.put(Delivery {
                    state: const { step(State::Waiting, Event::Begin) }.to(),
                    attempts,
                    due_at: Some(context.now.plus(self.pause)),
                    updated_at: context.now,
                    ..delivery
                });
                DeliveryStatus::Begun { attempts }
            }
        };
        Ok(draft.reply(Reply::Delivery(status)))
    }
}

fn never_ended(attempts: i64) -> String {
    format!("begun {attempts} times, and never came to an end: its handler may kill the process")
}
