//! Inbound events: stored first, with their raw bytes, and looked at afterwards.

use alloc::string::String;
use alloc::vec::Vec;

use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{AccountId, EventId, TenantId};
use crate::lifecycle::{Stage, inbound_event};
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, InboundEvent, Needs, Subject};
use crate::working_set::{Command, Context, Decision};

/// Stores a verified event, once however often it is delivered.
#[derive(Clone, Debug)]
pub struct RecordEvent {
    pub tenant: TenantId,
    pub account: AccountId,
    /// The provider's id of it.
    pub name: String,
    pub kind: String,
    pub body: Vec<u8>,
}

impl RecordEvent {
    pub fn id(&self) -> EventId {
        EventId::of(self.account, &self.name)
    }
}

impl Command for RecordEvent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.id());
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        if facts.inbound_events.get(self.id()).is_some() {
            return Err(Refusal::NothingToDo);
        }
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        draft.put(InboundEvent {
            id: self.id(),
            tenant: self.tenant,
            account: self.account,
            name: self.name.clone(),
            kind: self.kind.clone(),
            body: self.body.clone(),
            state: Stage::start(),
            attempts: 0,
            outcome: None,
            received_at: context.now,
            processed_at: None,
        });
        Ok(draft.done())
    }
}

/// The event, if it still waits to be processed.
pub(super) fn open(facts: &Facts, id: EventId) -> Result<&InboundEvent, Refusal> {
    facts
        .inbound_events
        .get(id)
        .filter(|event| matches!(*event.state, inbound_event::State::Received | inbound_event::State::Dead))
        .ok_or(Refusal::NothingToDo)
}

/// Marks the event, in the transaction of what it did.
pub(super) fn close(
    draft: &mut Draft<'_>,
    facts: &Facts,
    id: EventId,
    how: inbound_event::Event,
    outcome: Option<String>,
) -> Result<(), Refusal> {
    let event = open(facts, id)?;
    draft.put(InboundEvent {
        state: event.state.step(how)?.to(),
        attempts: event.attempts + 1,
        outcome,
        processed_at: Some(draft.context.now),
        ..event.clone()
    });
    Ok(())
}

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

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let event = open(facts, self.event)?;
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        let how = if self.dead { inbound_event::Event::GiveUp } else { inbound_event::Event::Ignore };
        if self.dead {
            let about = About { tenant: event.tenant, kind: Subject::Event, id: event.id.0 };
            draft.review(about, "event_cannot_be_processed", self.why.clone());
        }
        close(&mut draft, facts, self.event, how, Some(self.why.clone()))?;
        Ok(draft.done())
    }
}
