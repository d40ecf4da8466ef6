//! Settle evidence: the provider shows the dispute with it, or has refused it.

use alloc::string::String;

use super::observe::observe;
use super::{DisputeKey, about_dispute, append_dispute_message};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::held;
use crate::ids::{DisputeEvidenceId, JobId, TenantId};
use crate::lifecycle::dispute_evidence::{Event, State};
use crate::provider::DisputeObservation;
use crate::refusal::Refusal;
use crate::rows::{Actor, DisputeEvidence, Facts, Failure, Needs};
use crate::working_set::{Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub enum EvidenceOutcome {
    /// The dispute with evidence, as the provider answered or as it was fetched.
    Submitted(DisputeObservation),
    /// The provider has none of it, and no call is under way. `seen` is the dispute, if it was fetched.
    Refused { failure: Failure, seen: Option<DisputeObservation> },
}

#[derive(Clone, Debug)]
pub struct SettleEvidence {
    pub evidence: DisputeEvidenceId,
    pub key: DisputeKey,
    pub token: i64,
    pub outcome: EvidenceOutcome,
}

impl Command for SettleEvidence {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId(self.evidence.0));
        rows.evidence_row(self.evidence);
        self.key.needs(rows);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, JobId(self.evidence.0), self.token)?.job;
        let evidence = facts.dispute_evidence.get(self.evidence).ok_or(Refusal::NothingToDo)?;
        let known = facts.disputes.get(self.key.id()).ok_or(Refusal::NothingToDo)?;
        let before = facts.payments.get(self.key.payment).ok_or(Refusal::PaymentNotFound)?;
        let (event, failure, seen) = match &self.outcome {
            EvidenceOutcome::Submitted(seen) => (Event::Submit, None, Some(seen)),
            EvidenceOutcome::Refused { failure, seen } => (Event::Refuse, Some(failure), seen.as_ref()),
        };
        let step = evidence.state.step(event).ok_or(Refusal::NothingToDo)?;
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let now = context.now;
        draft.put(job.finished(now));
        let mut payment = before.clone();
        let seen = seen.and_then(|seen| observe(&mut draft, facts, &mut payment, &self.key, seen));
        let mut dispute = seen.unwrap_or_else(|| known.clone());
        dispute.submission = None;
        dispute.submission_failure = failure.cloned().map(Json);
        dispute.updated_at = now;
        let kind = if step.to().is(State::Submitted) { "evidence_submitted" } else { "evidence_refused" };
        let why: Option<String> = failure.map(|failure| failure.code.clone());
        draft.audit_because(about_dispute(&dispute), kind, None, None, why);
        append_dispute_message(&mut draft, &mut dispute, &payment, &alloc::format!("dispute.{kind}"));
        draft.put(DisputeEvidence {
            state: step.to(),
            failure: failure.cloned().map(Json),
            updated_at: now,
            ..evidence.clone()
        });
        draft.put(dispute);
        if payment != *before {
            payment.updated_at = now;
            draft.put(payment);
        }
        Ok(draft.done())
    }
}
