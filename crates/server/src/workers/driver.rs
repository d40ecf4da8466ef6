//! The driver of one attempt: looks at what is committed, makes the next call, tells what it heard.
//!
//! It may start anywhere: after a crash, after a lost answer, after somebody else settled the
//! payment. Every doubt is settled by fetching one object, by the id that was committed before
//! money could move.

use std::sync::Arc;

use domain::commands::{Abandon, By, FinishJob, MarkSent, Postpone, Settle};
use domain::lifecycle::State as _;
use domain::provider::{Observation, Source};
use domain::reply::Claimed;
use domain::rows::{AttemptKind, Failure};
use domain::time::Span;
use domain::working_set::Command;
use domain::{Refusal, Reply};
use providers::{Provider, Registry};
use rand::RngExt as _;
use store::{Answer, Clock, Store, Unavailable};
use tracing::{error, warn};

use crate::metrics::catalogue::{ATTEMPTS, FAILURES, RETRIES};
use crate::metrics::labels::{Attempt, Reason, Work};

/// How fast a worker tries again, and how patiently it waits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Full jitter: a random pause up to `base * 2^attempt`, at most `cap`.
    pub base: Span,
    pub cap: Span,
    /// Without a webhook for this long, the object is fetched.
    pub evidence_after: Span,
    pub poll_max: Span,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            base: Span::millis(100),
            cap: Span::seconds(20),
            evidence_after: Span::seconds(domain::limits::EVIDENCE_AFTER_SECONDS),
            poll_max: Span::seconds(domain::limits::POLL_SECONDS_MAX),
        }
    }
}

impl Pace {
    fn exponential(base: Span, cap: Span, attempt: i64) -> i64 {
        let doublings = u32::try_from(attempt.clamp(0, 30)).unwrap_or(0);
        base.0.saturating_mul(1i64 << doublings).min(cap.0)
    }

    /// A pause before the next try, spread so that a crowd of failures does not come back as one.
    pub fn backoff(&self, attempt: i64) -> Span {
        Span(rand::rng().random_range(0..=Self::exponential(self.base, self.cap, attempt).max(1)))
    }

    /// A pause before the next look at an object that waits for somebody else.
    pub fn look_again(&self, attempt: i64) -> Span {
        Span(Self::exponential(self.evidence_after, self.poll_max, attempt - 1))
    }
}

/// The end of a drive that is no failure: somebody else has the job now, or settled it.
pub(super) struct Gone;

#[derive(Clone)]
pub struct Driver {
    pub store: Store,
    pub registry: Arc<Registry>,
    pub clock: Arc<dyn Clock>,
    pub pace: Pace,
}

/// What is driven, and with whom.
pub(super) struct Drive<'a> {
    pub driver: &'a Driver,
    pub claimed: &'a Claimed,
    pub teller: Arc<dyn Provider>,
}

impl Driver {
    /// Drives as far as it goes now. Whatever is left open was put off, and comes back.
    pub async fn run(&self, claimed: &Claimed) {
        let Some(teller) = self.registry.get(claimed.payment.account).cloned() else {
            error!(payment = %claimed.payment.id, account = %claimed.payment.account,
                "no provider is configured for the account of this payment");
            let _ = self.postpone(claimed, Reason::NotConfigured, "the account is not configured").await;
            return;
        };
        ATTEMPTS.increment((claimed.attempt.kind, Attempt(claimed.job.attempts)));
        let drive = Drive { driver: self, claimed, teller };
        let ended = match claimed.attempt.kind {
            AttemptKind::Charge => drive.charge().await,
            AttemptKind::Capture => drive.capture().await,
            AttemptKind::Void => drive.void().await,
            AttemptKind::Refund => drive.refund().await,
        };
        if ended.is_err() {
            FAILURES.increment((Work::from(claimed.attempt.kind), Reason::LeaseLost));
            let token = claimed.job.token;
            tracing::debug!(job = %claimed.job.id, token, "the job is no longer this worker's");
        }
    }

    /// Submits what was learned, again while the store is out of reach: the lease bounds how long
    /// that is worth anything, and the heartbeat ends it.
    pub(super) async fn submit(&self, command: impl Command + Clone + 'static) -> Result<Reply, Gone> {
        let mut tries = 0;
        loop {
            match self.store.submit(Box::new(command.clone())).await {
                Ok(Answer::Fresh { reply, .. }) => return Ok(reply),
                Ok(Answer::Refused { refusal: Refusal::LeaseLost | Refusal::NothingToDo, .. })
                | Err(Unavailable::Closed) => return Err(Gone),
                Ok(answer) => {
                    error!(?command, ?answer, "a worker's command was refused");
                    return Err(Gone);
                }
                Err(unavailable) if unavailable.retryable() => {
                    warn!(%unavailable, "the store did not take what a worker learned; again");
                    tries += 1;
                    let pause = self.pace.backoff(tries).as_millis().max(20);
                    tokio::time::sleep(std::time::Duration::from_millis(pause.unsigned_abs())).await;
                }
                Err(unavailable) => {
                    error!(?command, %unavailable, "a worker's command failed");
                    return Err(Gone);
                }
            }
        }
    }

    pub(super) async fn postpone(&self, claimed: &Claimed, reason: Reason, error: &str) -> Result<(), Gone> {
        self.postpone_for(claimed, reason, error, self.pace.backoff(claimed.job.attempts)).await
    }

    async fn postpone_for(
        &self,
        claimed: &Claimed,
        reason: Reason,
        error: &str,
        pause: Span,
    ) -> Result<(), Gone> {
        RETRIES.increment(claimed.attempt.kind);
        FAILURES.increment((Work::from(claimed.attempt.kind), reason));
        let postpone = Postpone {
            job: claimed.job.id,
            token: claimed.job.token,
            payment: claimed.payment.id,
            refund: claimed.attempt.refund,
            pause,
            lost_sight: reason == Reason::OutcomeUnknown,
            asked: true,
            error: Some(error.chars().take(500).collect()),
        };
        self.submit(postpone).await.map(|_| ())
    }
}

impl Drive<'_> {
    pub(super) fn by(&self) -> By {
        By::Job { job: self.claimed.job.id, token: self.claimed.job.token }
    }

    /// The outcome of a call that may have moved money is not known: look again soon.
    pub(super) async fn lost_sight(&self, error: &str) -> Result<(), Gone> {
        warn!(attempt = %self.claimed.attempt.id, kind = self.claimed.attempt.kind.name(), error,
            "the outcome of a call is unknown; it will be looked up");
        self.driver.postpone(self.claimed, Reason::OutcomeUnknown, error).await
    }

    /// Nothing was sent: try again later, no sooner than the provider wants.
    pub(super) async fn not_sent(&self, error: &str, retry_after_seconds: Option<i64>) -> Result<(), Gone> {
        let backoff = self.driver.pace.backoff(self.claimed.job.attempts);
        let wanted = Span::seconds(retry_after_seconds.unwrap_or(0).clamp(0, 600));
        self.driver.postpone_for(self.claimed, Reason::NotSent, error, backoff.max(wanted)).await
    }

    /// Commits that the call is about to be made. `false`: it was called off meanwhile.
    pub(super) async fn mark_sent(&self, object: Option<String>) -> Result<bool, Gone> {
        let sent = MarkSent {
            job: self.claimed.job.id,
            token: self.claimed.job.token,
            payment: self.claimed.payment.id,
            object,
        };
        let reply = self.driver.submit(sent).await?;
        Ok(matches!(reply, Reply::Proceed(true)))
    }

    pub(super) async fn settle(
        &self,
        observation: Observation,
        source: Source,
        failure: Option<Failure>,
        refused: Option<String>,
    ) -> Result<(), Gone> {
        let settle = Settle {
            by: self.by(),
            payment: self.claimed.payment.id,
            attempt: self.claimed.attempt.id,
            observation,
            source,
            failure,
            refused,
            look_again: self.driver.pace.look_again(self.claimed.job.attempts),
        };
        self.driver.submit(settle).await.map(|_| ())
    }

    /// The provider turned the order away unsent.
    pub(super) async fn abandon(&self, code: String) -> Result<(), Gone> {
        FAILURES.increment((Work::from(self.claimed.attempt.kind), Reason::Refused));
        let abandon = Abandon {
            job: self.claimed.job.id,
            token: self.claimed.job.token,
            payment: self.claimed.payment.id,
            refund: self.claimed.attempt.refund,
            failure: Failure { code, retryable: false },
        };
        self.driver.submit(abandon).await.map(|_| ())
    }

    /// The payment's end is known and evidenced, and the attempt settled: nothing is left to do.
    pub(super) async fn finish_if_settled(&self) -> Option<Result<(), Gone>> {
        let settled = self.claimed.attempt.state.is_final() && self.claimed.payment.evidenced;
        if !settled {
            return None;
        }
        let finish = FinishJob { job: self.claimed.job.id, token: self.claimed.job.token };
        Some(self.driver.submit(finish).await.map(|_| ()))
    }

    /// Past its deadline, or called off: what waits for the customer is ended at the provider.
    pub(super) fn must_end(&self) -> bool {
        let attempt = &self.claimed.attempt;
        self.claimed.payment.void_requested
            || (!attempt.state.is_final() && self.driver.clock.now() >= attempt.deadline_at)
    }
}
