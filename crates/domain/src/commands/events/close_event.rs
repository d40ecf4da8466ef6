//! Close an event that moves nothing.

use alloc::string::String;

use super::{Closing, close, give_up, open};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{EventId, TenantId};
use crate::rows::{Actor, Facts, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// Closes an event that moves nothing: it is about nothing of ours, or nothing can be made of it.
#[derive(Clone, Debug)]
pub struct CloseEvent {
    pub event: EventId,
    pub why: String,
    /// Nobody could make anything of it: a person should look.
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
        let event = open(facts, self.event)?;
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        if self.dead {
            give_up(&mut draft, event, self.why.clone())?;
        } else {
            close(&mut draft, facts, self.event, Closing::ignored(self.why.clone()))?;
        }
        Ok(draft.done())
    }
}
