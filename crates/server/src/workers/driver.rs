//! The driver of one attempt: looks at what is committed, makes the next call, tells what it heard.
//!
//! It may start anywhere: after a crash, after a lost answer, after somebody else settled the
//! payment. Every doubt is settled by fetching one object, by the id that was committed before
//! money could move.

use std::sync::Arc;
use std::time::Duration;

use domain::commands::{Abandon, By, FinishJob, MarkSent, Postpone, Settle};
use domain::lifecycle::State as _;
use domain::provider::{Observation, Source};
use domain::reply::Claimed;
use domain::rows::{AttemptKind, Failure, JobKind};
use domain::time::Span;
use domain::working_set::Command;
use domain::{Refusal, Reply};
use providers::Registry;
use rand::RngExt as _;
use resilience::Backoff;
use store::{Answer, Clock, Store, Unavailable};
use tracing::{error, warn};

use crate::errand;
use crate::metrics::catalogue::{ATTEMPTS, RETRIES, TURNED_AWAY};
use crate::metrics::labels::{Attempt, Reason, Shut, Work};

use super::gate::Gates;
use super::teller::Teller;

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
    /// A pause before the next try, spread so that a crowd of failures does not come back as one.
    pub fn backoff(&self, attempt: i64) -> Span {
        span(doubling(self.base, self.cap).pause(exponent(attempt), &mut rand::rng()))
    }

    /// A pause before the next look at an object that waits for somebody else.
    pub fn look_again(&self, attempt: i64) -> Span {
        span(doubling(self.evidence_after, self.poll_max).ceiling(exponent(attempt - 1)))
    }

    /// A pause before a job is brought to the gate again. Short where it is not looked for while it could
    /// not pass; long where it would only ask for a token again that others need.
    pub fn turned_away(&self, shut: Shut) -> Span {
        let longest = match shut {
            Shut::Crowded => CROWDED,
            Shut::Open => OPEN,
            Shut::Spent => self.cap,
        };
        Span(rand::rng().random_range(longest.0 / 2..=longest.0))
    }
}

const CROWDED: Span = Span::millis(200);
const OPEN: Span = Span::seconds(2);

fn doubling(base: Span, cap: Span) -> Backoff {
    let duration = |span: Span| Duration::from_micros(span.0.max(0).unsigned_abs());
    Backoff { base: duration(base), cap: duration(cap) }
}

fn exponent(attempt: i64) -> u32 {
    u32::try_from(attempt.max(0)).unwrap_or(u32::MAX)
}

fn span(duration: Duration) -> Span {
    Span(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// The end of a drive that is no failure: somebody else has the job now, or settled it.
pub(super) struct Gone;

#[derive(Clone)]
pub struct Driver {
    pub store: Store,
    pub registry: Arc<Registry>,
    pub gates: Arc<Gates>,
    pub clock: Arc<dyn Clock>,
    pub pace: Pace,
}

/// What is driven, and with whom.
pub(super) struct Drive<'a> {
    pub driver: &'a Driver,
    pub claimed: &'a Claimed,
    pub teller: Teller,
}

impl Driver {
    /// Drives as far as it goes now. Whatever is left open was put off, and comes back.
    pub async fn run(&self, claimed: &Claimed) {
        let account = claimed.payment.account;
        let (Some(provider), Some(entered)) =
            (self.registry.get(account).cloned(), self.gates.enter(claimed).await)
        else {
            error!(%account,
                "no provider is configured for the account of this payment");
            let _ = self.postpone(claimed, Reason::NotConfigured, "the account is not configured").await;
            return;
        };
        let turn = match entered {
            Ok(turn) => turn,
            Err(shut) => {
                let _ = self.turn_away(claimed, shut).await;
                return;
            }
        };
        ATTEMPTS.increment((claimed.attempt.kind, Attempt(claimed.job.attempts)));
        let drive = Drive { driver: self, claimed, teller: Teller { provider, turn } };
        let ended = match claimed.attempt.kind {
            AttemptKind::Charge => drive.charge().await,
            AttemptKind::Capture => drive.capture().await,
            AttemptKind::Void => drive.void().await,
            AttemptKind::Refund => drive.refund().await,
        };
        if ended.is_err() {
            errand::failed(Work::from(claimed.attempt.kind), Reason::LeaseLost);
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
                    error!(
                        command = command.name(),
                        answer = answer.name(),
                        "a worker's command was refused"
                    );
                    return Err(Gone);
                }
                Err(unavailable) if unavailable.retryable() => {
                    warn!(%unavailable, "the store did not take what a worker learned; again");
                    tries += 1;
                    let pause = self.pace.backoff(tries).as_millis().max(20);
                    tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
                }
                Err(unavailable) => {
                    error!(%unavailable, "a worker's command failed");
                    return Err(Gone);
                }
            }
        }
    }

    async fn postpone(&self, claimed: &Claimed, reason: Reason, error: &str) -> Result<(), Gone> {
        let pause = match claimed.job.kind {
            JobKind::Drive => self.pace.backoff(claimed.job.attempts),
            JobKind::Look => self.pace.look_again(claimed.job.attempts),
        };
        self.put_off(claimed, Some(reason), Some(error), pause, true).await
    }

    /// Before anybody was asked.
    async fn turn_away(&self, claimed: &Claimed, shut: Shut) -> Result<(), Gone> {
        TURNED_AWAY.increment((claimed.attempt.kind, shut));
        self.put_off(claimed, None, None, self.pace.turned_away(shut), false).await
    }

    async fn put_off(
        &self,
        claimed: &Claimed,
        reason: Option<Reason>,
        error: Option<&str>,
        pause: Span,
        asked: bool,
    ) -> Result<(), Gone> {
        if let Some(reason) = reason {
            RETRIES.increment(claimed.attempt.kind);
            errand::failed(Work::from(claimed.attempt.kind), reason);
        }
        let postpone = Postpone {
            job: claimed.job.id,
            token: claimed.job.token,
            payment: claimed.payment.id,
            refund: claimed.attempt.refund,
            pause,
            lost_sight: reason == Some(Reason::OutcomeUnknown),
            asked,
            error: error.map(|error| error.chars().take(500).collect()),
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
        self.try_later(Reason::OutcomeUnknown, error).await
    }

    /// Nothing was sent: try again later.
    pub(super) async fn not_sent(&self, error: &str) -> Result<(), Gone> {
        self.try_later(Reason::NotSent, error).await
    }

    /// No sooner than the provider wants, or than its circuit lets a call through.
    async fn try_later(&self, reason: Reason, error: &str) -> Result<(), Gone> {
        let Drive { driver, claimed, teller } = self;
        let backoff = driver.pace.backoff(claimed.job.attempts);
        let turned_away = teller.turn.turned_away();
        let pause = if turned_away { driver.pace.turned_away(Shut::Open) } else { backoff };
        let pause = pause.max(teller.turn.retry_after());
        driver.put_off(claimed, Some(reason), Some(error), pause, !turned_away).await
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
        errand::failed(Work::from(self.claimed.attempt.kind), Reason::Refused);
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

    /// A person sent it round again after money may have moved, and may have settled it by hand: it is
    /// looked at, and what takes no money may be said again.
    pub(super) fn looks_only(&self) -> bool {
        self.claimed.job.kind == JobKind::Look
    }

    /// Past its deadline, or called off: what waits for the customer is ended at the provider.
    pub(super) fn must_end(&self) -> bool {
        let attempt = &self.claimed.attempt;
        self.claimed.payment.void_requested
            || (!attempt.state.is_final() && self.driver.clock.now() >= attempt.deadline_at)
    }
}
