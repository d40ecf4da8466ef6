//! Inbound events: stored with their raw bytes, then processed.

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
use crate::lifecycle::inbound_event::{Event, State};
use crate::lifecycle::{State as _, Step};
use crate::refusal::Refusal;
use crate::rows::{Facts, InboundEvent, Subject};

/// An event that is not processed yet.
pub(super) struct OpenEvent<'f> {
    pub event: &'f InboundEvent,
    process: Step<State>,
    ignore: Step<State>,
}

pub(super) fn open(facts: &Facts, id: EventId) -> Result<OpenEvent<'_>, Refusal> {
    facts.inbound_events.get(id).and_then(OpenEvent::of).ok_or(Refusal::NothingToDo)
}

/// How an event is closed.
pub(super) struct Closing {
    ignored: bool,
    /// Why the event was ignored, or what it contradicted.
    pub outcome: Option<String>,
}

impl Closing {
    pub fn processed(outcome: Option<String>) -> Closing {
        Closing { ignored: false, outcome }
    }

    pub fn ignored(why: String) -> Closing {
        Closing { ignored: true, outcome: Some(why) }
    }

    /// The event is older than our rows.
    pub fn stale() -> Closing {
        Closing::ignored("older than what is known".into())
    }
}

impl<'f> OpenEvent<'f> {
    fn of(event: &'f InboundEvent) -> Option<OpenEvent<'f>> {
        let (process, ignore) = (event.state.step(Event::Process)?, event.state.step(Event::Ignore)?);
        Some(OpenEvent { event, process, ignore })
    }

    /// Marks the event, in the transaction of what it did.
    pub fn close(&self, draft: &mut Draft<'_>, closing: Closing) {
        let step = if closing.ignored { self.ignore } else { self.process };
        self.end(draft, step, closing.outcome);
    }

    fn end(&self, draft: &mut Draft<'_>, step: Step<State>, outcome: Option<String>) {
        draft.put(InboundEvent {
            state: step.to(),
            // An event that an earlier run did not finish was counted when it began.
            attempts: self.event.attempts.max(1),
            outcome,
            processed_at: Some(draft.context.now),
            ..self.event.clone()
        });
    }

    /// Gives the event up, and opens a review case.
    fn give_up(&self, draft: &mut Draft<'_>, step: Step<State>, why: String) {
        let (from, to) = (step.from(), step.to());
        let about = about(self.event);
        draft.review(about, "event_cannot_be_processed", why.clone());
        draft.audit_because(about, "gave_up", Some(from.name()), Some(to.name()), Some(why.clone()));
        self.end(draft, step, Some(why));
    }
}

fn about(event: &InboundEvent) -> About {
    About { tenant: event.tenant, kind: Subject::Event, id: event.id.0 }
}
