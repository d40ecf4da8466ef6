//! Put evidence off: a call has no outcome yet, or could not be made. The job comes back.

use alloc::string::String;

use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::{UnsettledRun, held};
use crate::ids::{DisputeEvidenceId, JobId, TenantId};
use crate::lifecycle::dispute_evidence::{Event, State, step};
use crate::limits::ERROR_CHARACTERS_MAX;
use crate::refusal::Refusal;
use crate::rows::{Actor, DisputeEvidence, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct PutOffEvidence {
    pub evidence: DisputeEvidenceId,
    pub token: i64,
    /// The time until the job is due again.
    pub pause: Span,
    /// The reply to a call that was sent is lost.
    pub lost_sight: bool,
    /// The provider keeps an error of its own under the key, or no longer keeps the key: the next call needs
    /// another one.
    pub key_spent: bool,
    /// Whether the provider was called.
    pub reached_provider: bool,
    pub error: String,
}

impl Command for PutOffEvidence {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId(self.evidence.0));
        rows.evidence_row(self.evidence);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, JobId(self.evidence.0), self.token)?.job;
        let evidence = facts.dispute_evidence.get(self.evidence).ok_or(Refusal::NothingToDo)?;
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let now = context.now;
        let error: String = self.error.chars().take(ERROR_CHARACTERS_MAX).collect();
        // The bank's time limits the tries, and not their number.
        let run = UnsettledRun {
            pause: self.pause,
            reached_provider: self.reached_provider,
            in_review: false,
            error: Some(&error),
        };
        draft.put(job.postponed(&run, now));
        let mut evidence: DisputeEvidence = evidence.clone();
        if self.lost_sight && evidence.state.is(State::Sent) {
            evidence.state = const { step(State::Sent, Event::LoseSight) }.to();
            evidence.updated_at = now;
        }
        if self.key_spent {
            evidence.key_number += 1;
            evidence.sent_at = None;
            evidence.updated_at = now;
        }
        draft.put(evidence);
        Ok(draft.done())
    }
}
