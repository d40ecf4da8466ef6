//! Disputes: what the provider shows of them, and the evidence that is submitted for them.
//!
//! | the provider shows | the dispute | money | the case | open disputes of the payment |
//! |---|---|---|---|---|
//! | an inquiry | `inquiry` | none | opened: a person must answer the bank in time | |
//! | a dispute | `opened` | none | opened, also if that of its inquiry was closed | one more |
//! | won, or closed without a decision | `won`, `closed` | none | closed | one less |
//! | lost | `lost` | none: it was withdrawn before | stays open | one less |
//! | funds withdrawn | | taken back, once | | |
//! | funds reinstated | | given back, once | | |
//!
//! Observations come in any order, repeatedly, or not at all: the first that is seen may be the last that
//! happened. A dispute that is already further stays as it is.

mod mark_evidence_sent;
mod observe;
mod put_off_evidence;
mod settle_dispute;
mod settle_evidence;
mod submit_evidence;

pub use mark_evidence_sent::MarkEvidenceSent;
pub use put_off_evidence::PutOffEvidence;
pub use settle_dispute::SettleDispute;
pub use settle_evidence::{EvidenceOutcome, SettleEvidence};
pub use submit_evidence::SubmitEvidence;

use serde_json::json;

use crate::commands::draft::{About, Draft};
use crate::commands::jobs::JobRules;
use crate::ids::{AccountId, DisputeEvidenceId, DisputeId, MovementId, PaymentId, ReviewId};
use crate::lifecycle::{State as _, dispute_evidence};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::reply::DeadLetter;
use crate::rows::{Dispute, DisputeEvidence, Facts, Job, MovementKind, Needs, Payment, Subject};

pub(super) fn about_dispute(dispute: &Dispute) -> About {
    About { tenant: dispute.tenant, kind: Subject::Dispute, id: dispute.id.0 }
}

/// The rows of one dispute, by what names it everywhere.
#[derive(Clone, Debug)]
pub struct DisputeKey {
    pub account: AccountId,
    pub payment: PaymentId,
    /// The provider's id of the dispute.
    pub object: alloc::string::String,
}

impl DisputeKey {
    pub fn id(&self) -> DisputeId {
        DisputeId::of(self.account, &self.object)
    }

    fn movement(&self, kind: MovementKind) -> MovementId {
        MovementId::of(self.payment, kind.name(), &self.object)
    }

    fn case(&self) -> ReviewId {
        ReviewId::of_dispute(self.account, &self.object)
    }

    fn case_of_inquiry(&self) -> ReviewId {
        ReviewId::of_inquiry(self.account, &self.object)
    }

    /// Requests what an observation of the dispute may change.
    fn needs(&self, rows: &mut Needs<'_>) {
        rows.review(self.case());
        rows.review(self.case_of_inquiry());
        rows.movement(self.movement(MovementKind::Dispute));
        rows.movement(self.movement(MovementKind::DisputeReversal));
        rows.dispute(self.id());
        rows.payment(self.payment);
    }
}

/// Appends a message about a dispute to the outbox. None of them moves money: the payment's messages do.
fn append_dispute_message(draft: &mut Draft<'_>, dispute: &mut Dispute, payment: &Payment, kind: &str) {
    let payload = json!({
        "dispute_id": dispute.id.0,
        "payment_id": payment.id.0,
        "booking_id": payment.booking.map(|booking| booking.0),
        "account_id": payment.account.0,
        "provider": payment.provider,
        "provider_object": dispute.object,
        "state": dispute.state.name(),
        "amount": Money::new(dispute.amount_minor, dispute.currency),
        "reason": dispute.reason,
        "has_evidence": dispute.evidence_submitted_at.is_some(),
    });
    let about = about_dispute(dispute);
    draft.append_message(about, &mut dispute.seq, kind, &payload);
}

/// The jobs that submit evidence.
#[derive(Debug)]
pub(crate) struct EvidenceJobs;

impl JobRules for EvidenceJobs {
    fn needs_of_discard(&self, rows: &mut Needs<'_>, job: &Job) -> Option<()> {
        let evidence = rows.evidence_row(DisputeEvidenceId(job.subject))?;
        rows.dispute(evidence.dispute);
        Some(())
    }

    /// Whether the bank has the evidence stays unknown. Other evidence can be submitted: a provider that has
    /// some already refuses it.
    fn discard(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        job: &Job,
        why: &str,
    ) -> Result<DeadLetter, Refusal> {
        let letter = crate::commands::StandaloneJobs.discard(draft, facts, job, why)?;
        // Nothing can fail from here on.

        if let Some(evidence) = facts.dispute_evidence.get(DisputeEvidenceId(job.subject)) {
            if let Some(step) = evidence.state.step(dispute_evidence::Event::WriteOff) {
                let now = draft.context.now;
                draft.put(DisputeEvidence { state: step.to(), updated_at: now, ..evidence.clone() });
            }
            if let Some(dispute) = facts.disputes.get(evidence.dispute)
                && dispute.submission == Some(evidence.id)
            {
                draft.audit(about_dispute(dispute), "evidence_written_off", None, None);
                draft.put(Dispute { submission: None, updated_at: draft.context.now, ..dispute.clone() });
            }
        }
        Ok(letter)
    }
}
