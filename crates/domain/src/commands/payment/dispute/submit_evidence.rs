//! Submit evidence: a client answers the bank. The texts and the job that submits them are committed; the
//! outcome is shown by the dispute.

use alloc::boxed::Box;
use alloc::string::ToString as _;

use super::about_dispute;
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::NewJob;
use crate::ids::{DisputeEvidenceId, DisputeId, JobId, TenantId};
use crate::jobs;
use crate::lifecycle::{CurrentState, State as _};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Dispute, DisputeEvidence, EvidenceTexts, Facts, Mode, Needs};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct SubmitEvidence {
    pub claim: Claim,
    pub dispute: DisputeId,
    /// The mode of the request's key. For a key of the other mode the dispute does not exist.
    pub mode: Mode,
    pub texts: EvidenceTexts,
    /// Whether the provider takes evidence by its API.
    pub is_offered: fn(&str) -> bool,
}

impl SubmitEvidence {
    fn own<'f>(&self, facts: &'f Facts) -> Result<&'f Dispute, Refusal> {
        let is_own = |dispute: &&Dispute| {
            let account = facts.accounts.get(dispute.account);
            dispute.tenant == self.claim.tenant && account.is_some_and(|account| account.mode == self.mode)
        };
        facts.disputes.get(self.dispute).filter(is_own).ok_or(Refusal::DisputeNotFound)
    }
}

impl Command for SubmitEvidence {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let account = rows.dispute(self.dispute)?.account;
        rows.account(account);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let dispute = self.own(facts)?;
        if dispute.state.is_final() {
            return Err(Refusal::DisputeIsClosed { state: dispute.state.name() });
        }
        let provider = facts.accounts.get(dispute.account).map(|account| account.provider.as_str());
        if !provider.is_some_and(self.is_offered) {
            return Err(Refusal::EvidenceNotOffered);
        }
        if dispute.evidence_submitted_at.is_some() {
            return Err(Refusal::EvidenceAlreadySubmitted);
        }
        if dispute.submission.is_some() {
            return Err(Refusal::EvidenceIsBeingSubmitted);
        }
        if let Some(due) = dispute.evidence_due_at.filter(|_| dispute.is_past_due(context.now)) {
            return Err(Refusal::EvidenceIsPastDue { due });
        }
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let now = context.now;
        let evidence = DisputeEvidence {
            id: draft.id::<DisputeEvidenceId>(),
            tenant: dispute.tenant,
            dispute: dispute.id,
            texts: Json(self.texts.clone()),
            state: CurrentState::start(),
            key_number: 0,
            sent_at: None,
            failure: None,
            created_at: now,
            updated_at: now,
        };
        let dispute = Dispute {
            submission: Some(evidence.id),
            submission_failure: None,
            updated_at: now,
            ..dispute.clone()
        };
        draft.audit(about_dispute(&dispute), "evidence_started", None, None);
        let job = NewJob {
            id: JobId(evidence.id.0),
            tenant: evidence.tenant,
            kind: &jobs::SUBMIT_EVIDENCE,
            subject_kind: "dispute_evidence",
            subject: evidence.id.0,
            concurrency_key: Some(dispute.account.0),
            payload: "{}".to_string(),
            due_at: now,
            deadline_at: None,
        };
        draft.put(evidence);
        draft.put(job.row(now));
        draft.put(dispute.clone());
        Ok(draft.reply(Reply::Dispute(Box::new(dispute))))
    }
}
