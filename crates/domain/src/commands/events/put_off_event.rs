//! Put off an event: the store failed, not the event.

use super::open;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{EventId, TenantId};
use crate::lifecycle::inbound_event;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, InboundEvent, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// An event that was begun could not be processed, because the store failed. An outage must not use up its
/// attempts, so the attempt is not counted.
#[derive(Clone, Debug)]
pub struct PutOffEvent {
    pub event: EventId,
}

impl Command for PutOffEvent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.event);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let event = open(facts, self.event)?.event;
        if event.state.is(inbound_event::State::Dead) || event.attempts == 0 {
            return Err(Refusal::NothingToDo);
        }
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        draft.put(InboundEvent { attempts: event.attempts - 1, ..event.clone() });
        Ok(draft.done())
    }
}
