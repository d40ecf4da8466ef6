//! Inbound events: stored first, with their raw bytes, and looked at afterwards.

mod close_event;
mod put_off_event;
mod record_event;
mod start_event;

pub use close_event::CloseEvent;
pub use put_off_event::PutOffEvent;
pub use record_event::RecordEvent;
pub use start_event::StartEvent;

use alloc::string::String;

use crate::commands::draft::{About, Draft};
use crate::ids::EventId;
use crate::lifecycle::{State as _, inbound_event};
use crate::refusal::Refusal;
use crate::rows::{Facts, InboundEvent, Subject};

/// The event, if it still waits to be processed.
pub(super) fn open(facts: &Facts, id: EventId) -> Result<&InboundEvent, Refusal> {
    facts
        .inbound_events
        .get(id)
        .filter(|event| matches!(*event.state, inbound_event::State::Received | inbound_event::State::Dead))
        .ok_or(Refusal::NothingToDo)
}

/// How an event is closed.
pub(super) struct Closing {
    pub event: inbound_event::Event,
    /// Why it was ignored, or what it met.
    pub outcome: Option<String>,
}

impl Closing {
    pub fn processed(outcome: Option<String>) -> Closing {
        Closing { event: inbound_event::Event::Process, outcome }
    }

    pub fn ignored(why: String) -> Closing {
        Closing { event: inbound_event::Event::Ignore, outcome: Some(why) }
    }

    /// It tells less than is known.
    pub fn stale() -> Closing {
        Closing::ignored("older than what is known".into())
    }
}

/// Marks the event, in the transaction of what it did.
pub(super) fn close(
    draft: &mut Draft<'_>,
    facts: &Facts,
    id: EventId,
    closing: Closing,
) -> Result<(), Refusal> {
    let event = open(facts, id)?;
    let Closing { event: on, outcome } = closing;
    draft.put(InboundEvent {
        state: event.state.step(on)?.to(),
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
