//! Dead letters: jobs, providers' events and deliveries that were given up. A person retries or
//! discards them, and the audit records who did so and why. A retry is safe at any time: the state
//! of the rows at that moment decides what it does, never what the person saw earlier.
//!
//! | dead | retry | discard |
//! |---|---|---|
//! | a job, its attempt never sent | is worked on as at first | the attempt is declined: no money moved |
//! | a job, its attempt in review | fetches the outcome; sends nothing that could move money | the attempt is written off |
//! | a job, its attempt settled | fetches the object once more | done |
//! | a job of another kind | is worked on again | done |
//! | a job of a kind that only a newer version knows | is left to that version | refused |
//! | an event | is read again | is ignored |
//! | a delivery | is delivered to its consumer again | never has its effect there |

mod discard;
mod retry;

pub use discard::DiscardDeadLetter;
pub use retry::RetryDeadLetter;

use alloc::boxed::Box;
use alloc::string::String;

use crate::commands::draft::{About, Origin};
use crate::ids::{ClientId, EventId, InboxId, JobId, TenantId};
use crate::jobs::JobKinds;
use crate::lifecycle::{CurrentState, State, Step};
use crate::refusal::Refusal;
use crate::reply::{DeadLetter, Reply};
use crate::rows::{Actor, Delivery, Facts, InboundEvent, Job, Message, Needs, Subject};
use crate::working_set::Claim;

/// Which dead letter. Each kind has ids of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterRef {
    Job(JobId),
    Event(EventId),
    /// One message at one consumer.
    Message(InboxId),
}

/// A person's decision on a dead letter.
#[derive(Clone, Debug)]
pub struct Decided {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    /// The kinds of jobs that this version can end.
    pub kinds: JobKinds,
    /// The client whose API key the person uses.
    pub client: ClientId,
    pub request_id: String,
    pub letter: DeadLetterRef,
    /// The person's name as the request has it.
    pub person: String,
    pub why: String,
}

impl Decided {
    fn origin(&self) -> Origin {
        Origin {
            actor: Actor::Client(self.client),
            request_id: Some(self.request_id.clone()),
            person: Some(self.person.clone()),
            why: Some(self.why.clone()),
        }
    }

    fn job<'f>(&self, facts: &'f Facts, id: JobId) -> Result<&'f Job, Refusal> {
        facts.jobs.get(id).filter(|job| job.tenant == self.tenant).ok_or(Refusal::DeadLetterNotFound)
    }

    fn event<'f>(&self, facts: &'f Facts, id: EventId) -> Result<&'f InboundEvent, Refusal> {
        let event = facts.inbound_events.get(id).filter(|event| event.tenant == self.tenant);
        event.ok_or(Refusal::DeadLetterNotFound)
    }

    fn delivery<'f>(&self, facts: &'f Facts, id: InboxId) -> Result<(&'f Delivery, &'f Message), Refusal> {
        let delivery = facts.inbox.get(id).filter(|delivery| delivery.tenant == self.tenant);
        let delivery = delivery.ok_or(Refusal::DeadLetterNotFound)?;
        // A message outlives its dead deliveries.
        let message = facts.outbox.get(delivery.message).ok_or(Refusal::DeadLetterNotFound)?;
        Ok((delivery, message))
    }

    /// The rows that the reply shows, for any decision.
    fn needs_letter(&self, rows: &mut Needs<'_>) -> Option<()> {
        match self.letter {
            DeadLetterRef::Job(id) => {
                if let Some(attempt) = rows.job(id)?.attempt() {
                    rows.attempt(attempt);
                }
                Some(())
            }
            DeadLetterRef::Event(id) => {
                rows.inbound_event(id);
                Some(())
            }
            DeadLetterRef::Message(id) => {
                rows.delivery(id).map(|delivery| _ = rows.message(delivery.message))
            }
        }
    }
}

/// A person's decision moves only dead rows.
fn step_of_dead<S: State>(state: CurrentState<S>, dead: S, event: S::Event) -> Result<Step<S>, Refusal> {
    state.step(event).filter(|step| step.from() == dead).ok_or_else(|| Refusal::of_state(state, event))
}

pub(super) fn about_event(event: &InboundEvent) -> About {
    About { tenant: event.tenant, kind: Subject::Event, id: event.id.0 }
}

fn shown(letter: DeadLetter) -> Reply {
    Reply::DeadLetter(Box::new(letter))
}
