//! Close an event that moves nothing.

use alloc::string::String;

use super::{Closing, open};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{EventId, TenantId};
use crate::lifecycle::inbound_event;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// The event is about no object of ours, or it cannot be read.
#[derive(Clone, Debug)]
pub struct CloseEvent {
    pub event: EventId,
    pub why: String,
    /// The event cannot be read: it becomes a dead letter, for a person.
    pub dead: bool,
}

impl Command for CloseEvent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.event);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let open = open(facts, self.event)?;
        let give_up = open.event.state.step(inbound_event::Event::GiveUp);
        if self.dead && give_up.is_none() {
            return Err(Refusal::NothingToDo);
        }
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        match give_up.filter(|_| self.dead) {
            Some(step) => open.give_up(&mut draft, step, self.why.clone()),
            None => open.close(&mut draft, Closing::ignored(self.why.clone())),
        }
        Ok(draft.done())
    }
}
