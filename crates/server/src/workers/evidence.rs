//! Submitting evidence for a dispute. The bank reads evidence once, so a lost reply is never repeated blindly.
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | commit *sent*, submit |
//! | sent, the reply lost | fetch the dispute |
//! | ... it has evidence | submitted |
//! | ... it has none, and the bank still takes it | the same bytes again under the same key, while the provider keeps the key; then under the next one |
//! | ... it has none, and the bank has decided or its time is over | refused |
//!
//! Only the dispute as the provider shows it settles a submission that was sent. While it cannot be fetched, the
//! job comes back.

use domain::DisputeEvidenceId;
use domain::commands::{DisputeKey, EvidenceOutcome, MarkEvidenceSent, PutOffEvidence, SettleEvidence};
use domain::lifecycle::{State as _, dispute_evidence};
use domain::provider::{CallOutcome, DisputeObservation};
use domain::reply::ClaimedJob;
use domain::rows::{Dispute, DisputeEvidence, Failure, FailureCause, Job};
use domain::time::Span;
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::EvidenceOrder;

use super::driver::{Driver, NOT_CONFIGURED};
use super::guarded_provider::GuardedProvider;
use super::handlers::{JobHandler, JobOutcome};
use super::report::{self, DriveEnded};
use crate::metrics::labels::{Reason, WorkLabel};
use crate::work_context;

/// Works on the jobs that submit evidence.
pub struct EvidenceHandler(pub Driver);

impl JobHandler for EvidenceHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        self.submit(claimed.job()).boxed()
    }
}

/// A submission under a worker's lease.
struct Submission<'a> {
    driver: &'a Driver,
    job: &'a Job,
    evidence: &'a DisputeEvidence,
    dispute: &'a Dispute,
    provider: GuardedProvider,
}

impl EvidenceHandler {
    async fn submit(&self, job: &Job) -> JobOutcome {
        let store = &self.0.store;
        let id = DisputeEvidenceId(job.subject);
        let evidence = match store.dispute_evidence(job.tenant, id).await {
            Ok(Some(evidence)) => evidence,
            Ok(None) => return JobOutcome::Failed("there is no such evidence".to_owned()),
            Err(error) => return JobOutcome::Failed(error.to_string()),
        };
        if evidence.state.is_final() {
            return JobOutcome::Done;
        }
        let dispute = match store.dispute(job.tenant, evidence.dispute).await {
            Ok(Some(dispute)) => dispute,
            Ok(None) => return JobOutcome::Failed("there is no such dispute".to_owned()),
            Err(error) => return JobOutcome::Failed(error.to_string()),
        };
        if self.run_submission(job, &evidence, &dispute).await.is_err() {
            work_context::failed(WorkLabel::of(&job.kind), Reason::LeaseLost);
        }
        JobOutcome::Reported
    }

    async fn run_submission(
        &self,
        job: &Job,
        evidence: &DisputeEvidence,
        dispute: &Dispute,
    ) -> Result<(), DriveEnded> {
        let driver = &self.0;
        let account = dispute.account;
        let Some(entered) = driver.enter(account, job).await else {
            tracing::error!(%account, "no provider is configured for the account of this dispute");
            work_context::failed(WorkLabel::of(&job.kind), Reason::NotConfigured);
            let put_off = put_off(job, evidence, NOT_CONFIGURED, "the account is not configured");
            return driver.submit(PutOffEvidence { reached_provider: false, ..put_off }).await.map(drop);
        };
        let provider = match entered {
            Ok(provider) => provider,
            Err(denied) => {
                let pause = driver.pace.turned_away(denied);
                let put_off = put_off(job, evidence, pause, "the account could not be called");
                return driver.submit(PutOffEvidence { reached_provider: false, ..put_off }).await.map(drop);
            }
        };
        Submission { driver, job, evidence, dispute, provider }.go_on().await
    }
}

fn put_off(job: &Job, evidence: &DisputeEvidence, pause: Span, error: &str) -> PutOffEvidence {
    PutOffEvidence {
        evidence: evidence.id,
        token: job.token,
        pause,
        lost_sight: false,
        key_spent: false,
        reached_provider: true,
        error: error.to_owned(),
    }
}

impl Submission<'_> {
    async fn go_on(&self) -> Result<(), DriveEnded> {
        if self.evidence.state.is(dispute_evidence::State::Created) {
            return match self.mark_sent().await? {
                Some(key) => self.call(key).await,
                None => self.not_sent_any_more(None).await,
            };
        }
        let seen = match self.provider.fetch_dispute(&self.dispute.object).await.shown() {
            Ok(seen) if seen.has_evidence => return self.submitted(seen).await,
            Ok(seen) => seen,
            Err(why) => return self.later(Reason::OutcomeUnknown, &why, false).await,
        };
        if !self.driver.keeps_key(&self.provider, self.evidence.sent_at) {
            // The call ended long ago, and the dispute has no evidence of it.
            let why = "not found, and its key is too old";
            return self.later(Reason::OutcomeUnknown, why, true).await;
        }
        match self.mark_sent().await? {
            Some(key) => self.call(key).await,
            None => self.not_sent_any_more(Some(seen)).await,
        }
    }

    async fn mark_sent(&self) -> Result<Option<i64>, DriveEnded> {
        let mark =
            MarkEvidenceSent { evidence: self.evidence.id, dispute: self.dispute.id, token: self.job.token };
        self.driver.mark(mark).await
    }

    async fn call(&self, key_number: i64) -> Result<(), DriveEnded> {
        let order = EvidenceOrder {
            evidence: self.evidence.id,
            key_number,
            object: self.dispute.object.clone(),
            texts: self.evidence.texts.0.clone(),
        };
        match self.provider.submit_evidence(&order).await {
            CallOutcome::Object(seen) if seen.has_evidence => self.submitted(seen).await,
            CallOutcome::Object(_) => {
                self.later(Reason::OutcomeUnknown, "the reply shows no evidence", false).await
            }
            CallOutcome::Refused { code, cause, .. } => self.refused(code, cause).await,
            CallOutcome::NotSent { error, .. } => self.later(Reason::NotSent, &error, false).await,
            CallOutcome::Unknown { error, key_spent } => {
                self.later(Reason::OutcomeUnknown, &error, key_spent).await
            }
        }
    }

    /// Refused; but an earlier call of ours, whose reply was lost, may be the reason.
    async fn refused(&self, code: String, cause: FailureCause) -> Result<(), DriveEnded> {
        match self.provider.fetch_dispute(&self.dispute.object).await.shown() {
            Ok(seen) if seen.has_evidence => self.submitted(seen).await,
            Ok(seen) => self.refuse(Failure { code, retryable: false, cause }, Some(seen)).await,
            Err(why) => self.later(Reason::OutcomeUnknown, &why, false).await,
        }
    }

    /// The bank takes it no more: it has decided, its time is over, or somebody else was faster.
    async fn not_sent_any_more(&self, seen: Option<DisputeObservation>) -> Result<(), DriveEnded> {
        let seen = match seen {
            Some(seen) => Some(seen),
            None => self.provider.fetch_dispute(&self.dispute.object).await.shown().ok(),
        };
        match seen {
            Some(seen) if seen.has_evidence => self.submitted(seen).await,
            seen => {
                let failure = Failure::not_sent("bank_takes_no_more_evidence", false);
                self.refuse(failure, seen).await
            }
        }
    }

    async fn submitted(&self, seen: DisputeObservation) -> Result<(), DriveEnded> {
        self.settle(EvidenceOutcome::Submitted(seen)).await
    }

    async fn refuse(&self, failure: Failure, seen: Option<DisputeObservation>) -> Result<(), DriveEnded> {
        work_context::failed(WorkLabel::of(&self.job.kind), Reason::Refused);
        self.settle(EvidenceOutcome::Refused { failure, seen }).await
    }

    async fn settle(&self, outcome: EvidenceOutcome) -> Result<(), DriveEnded> {
        let key = DisputeKey {
            account: self.dispute.account,
            payment: self.dispute.payment,
            object: self.dispute.object.clone(),
        };
        let (evidence, token) = (self.evidence.id, self.job.token);
        self.driver.submit(SettleEvidence { evidence, key, token, outcome }).await.map(drop)
    }

    /// Comes back later.
    async fn later(&self, reason: Reason, error: &str, key_spent: bool) -> Result<(), DriveEnded> {
        work_context::failed(WorkLabel::of(&self.job.kind), reason);
        let backoff = report::backoff_of(&domain::jobs::SUBMIT_EVIDENCE, self.job.failures + 1);
        let pause = self.driver.pause_behind(&self.provider, backoff);
        let reached_provider = !self.provider.permit.turned_away();
        let lost_sight = reason == Reason::OutcomeUnknown;
        let put_off = put_off(self.job, self.evidence, pause, error);
        let put_off = PutOffEvidence { lost_sight, key_spent, reached_provider, ..put_off };
        self.driver.submit(put_off).await.map(drop)
    }
}
