//! Inbound events: stored first, with their raw bytes, and looked at afterwards.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{AccountId, EventId, TenantId};
use crate::lifecycle::{CurrentState, State as _, inbound_event};
use crate::limits::EVENT_ATTEMPTS_MAX;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, InboundEvent, Needs, Subject};
use crate::working_set::{Command, Context, DecisionResult};

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
    /// Whoever is sent many events delays nobody else's.
    fn tenant(&self) -> Option<TenantId> {
        (!fault_injection::is(fault_injection::InjectedFault::EventsInNoLane)).then_some(self.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.id());
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
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
            state: CurrentState::start(),
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
        // One that was left behind was counted as it began.
        attempts: event.attempts.max(1),
        outcome,
        processed_at: Some(draft.context.now),
        ..event.clone()
    });
    Ok(())
}

/// Gives an event up: a person should look.
fn give_up(draft: &mut Draft<'_>, event: &InboundEvent, why: String) -> Result<(), Refusal> {
    let step = event.state.step(inbound_event::Event::GiveUp)?;
    let (from, to) = (step.from(), step.to());
    let about = about(event);
    draft.review(about, "event_cannot_be_processed", why.clone());
    draft.audit_because(about, "gave_up", Some(from.name()), Some(to.name()), Some(why.clone()));
    draft.put(InboundEvent {
        state: to,
        attempts: event.attempts.max(1),
        outcome: Some(why),
        processed_at: Some(draft.context.now),
        ..event.clone()
    });
    Ok(())
}

fn about(event: &InboundEvent) -> About {
    About { tenant: event.tenant, kind: Subject::Event, id: event.id.0 }
}

/// An event was found left behind: it is counted before it is processed, so that one which kills the
/// process is counted, and dies one day. Answers whether to go on.
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
        let event = open(facts, self.event)?;
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        if event.state.is(inbound_event::State::Dead) {
            return Err(Refusal::NothingToDo);
        }
        if event.attempts >= EVENT_ATTEMPTS_MAX {
            let why = format!("begun {} times, and never came to an end", event.attempts);
            give_up(&mut draft, event, why)?;
            return Ok(draft.reply(Reply::Proceed(false)));
        }
        draft.put(InboundEvent { attempts: event.attempts + 1, ..event.clone() });
        Ok(draft.reply(Reply::Proceed(true)))
    }
}

/// An event that was begun could not be processed, and it was not the event's fault: an outage must not
/// use up its attempts, so the count is taken back.
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
        let event = open(facts, self.event)?;
        if event.state.is(inbound_event::State::Dead) || event.attempts == 0 {
            return Err(Refusal::NothingToDo);
        }
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        draft.put(InboundEvent { attempts: event.attempts - 1, ..event.clone() });
        Ok(draft.done())
    }
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

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let event = open(facts, self.event)?;
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        if self.dead {
            give_up(&mut draft, event, self.why.clone())?;
        } else {
            let ignore = inbound_event::Event::Ignore;
            close(&mut draft, facts, self.event, ignore, Some(self.why.clone()))?;
        }
        Ok(draft.done())
    }
}
