//! Start an event that an earlier run did not finish.

use alloc::format;

use super::open;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{EventId, TenantId};
use crate::lifecycle::inbound_event;
use crate::limits::EVENT_ATTEMPTS_MAX;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, InboundEvent, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// Counts the attempt before the event is processed, so that an event which kills the process runs out of
/// attempts. Replies whether to process it.
#[derive(Clone, Debug)]
pub struct StartEvent {
    pub event: EventId,
}

impl Command for StartEvent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.event);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let open = open(facts, self.event)?;
        let event = open.event;
        // A person decides on a dead event.
        let give_up = event.state.step(inbound_event::Event::GiveUp).ok_or(Refusal::NothingToDo)?;
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        if event.attempts >= EVENT_ATTEMPTS_MAX {
            let why = format!("begun {} times, and never came to an end", event.attempts);
            open.give_up(&mut draft, give_up, why);
            return Ok(draft.reply(Reply::Proceed(false)));
        }
        draft.put(InboundEvent { attempts: event.attempts + 1, ..event.clone() });
        Ok(draft.reply(Reply::Proceed(true)))
    }
}
