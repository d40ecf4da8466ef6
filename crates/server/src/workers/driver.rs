//! The driver of one attempt: reads what is committed, makes the next call, submits the outcome.
//!
//! It may start at any point: after a crash, after a lost reply, or after somebody else settled the
//! payment. Every doubt is settled by fetching one object, by the id that was committed before
//! money could move.

use std::sync::Arc;

use domain::commands::{
    Abandon, FinishAttempt, MarkSent, ObservedBy, Postpone, RecheckDelays, RecordDecline, Settle,
};
use domain::lifecycle::{State as _, attempt};
use domain::provider::{Observation, Source};
use domain::reply::{AttemptJob, ClaimedJob};
use domain::rows::{AttemptKind, Failure, Job, NextAction};
use domain::time::Span;
use domain::working_set::Command;
use domain::{AccountId, Reply, Timestamp};
use futures_util::future::BoxFuture;
use providers::{ObjectCall, Registry};
use rand::RngExt as _;
use store::{Clock, Store};
use tracing::{error, warn};

use crate::metrics::catalogue::{ATTEMPTS, RETRIES, TURNED_AWAY};
use crate::metrics::labels::{AttemptLabel, Denied, Reason, WorkLabel};
use crate::work_context;

use super::gate::Gates;
use super::guarded_provider::GuardedProvider;
use super::handlers::JobOutcome;
use super::report::{self, DriveEnded};

/// How fast a worker retries, and how long it waits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Full jitter: a random pause up to `base * 2^attempt`, at most `cap`.
    pub base: Span,
    pub cap: Span,
    /// Without a webhook for this long, the object is fetched.
    pub evidence_after: Span,
    pub poll_max: Span,
    /// A refund whose key is spent waits this long, so that the effect of that call can show.
    pub another_key_after: Span,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            base: domain::jobs::CHARGE.backoff_base,
            cap: domain::jobs::CHARGE.backoff_cap,
            evidence_after: Span::seconds(domain::limits::EVIDENCE_AFTER_SECONDS),
            poll_max: Span::seconds(domain::limits::POLL_SECONDS_MAX),
            another_key_after: domain::limits::ANOTHER_KEY_AFTER,
        }
    }
}

impl Pace {
    /// The pause after this many consecutive tries without a reply.
    pub fn backoff(&self, failures: i64) -> Span {
        report::backoff(self.base, self.cap, failures)
    }

    /// The delays before an object that waits for somebody else is checked again.
    pub fn recheck_delays(&self) -> RecheckDelays {
        RecheckDelays { first: self.evidence_after, longest: self.poll_max }
    }

    /// The pause before a job comes to the gate again. Short if the job is not selected while it
    /// could not pass; long if it would only request a token again that others need.
    pub fn turned_away(&self, denied: Denied) -> Span {
        let longest = match denied {
            Denied::Crowded => CROWDED,
            Denied::Open => OPEN,
            Denied::Spent => self.cap,
        };
        Span(rand::rng().random_range(longest.0 / 2..=longest.0))
    }
}

/// The wait before an account is looked for again that is not configured.
pub(super) const NOT_CONFIGURED: Span = Span::seconds(60);
const CROWDED: Span = Span::millis(200);
const OPEN: Span = Span::seconds(2);

/// A call without an outcome, and the reason.
#[derive(Clone, Copy)]
pub(super) struct NoOutcome<'a> {
    pub reason: Reason,
    pub error: &'a str,
    /// Whether the provider keeps an error of its own under the key.
    pub key_spent: bool,
}

impl<'a> NoOutcome<'a> {
    /// The call may have moved money.
    pub fn lost(error: &'a str) -> NoOutcome<'a> {
        NoOutcome { reason: Reason::OutcomeUnknown, error, key_spent: false }
    }

    /// The call moved nothing.
    pub fn not_sent(error: &'a str) -> NoOutcome<'a> {
        NoOutcome { reason: Reason::NotSent, error, key_spent: false }
    }
}

/// The job's postponement. The pause is set by the caller.
fn postponement(claimed: &AttemptJob) -> Postpone {
    Postpone {
        attempt: claimed.attempt.id,
        token: claimed.job.token,
        payment: claimed.payment.id,
        refund: claimed.attempt.refund,
        pause: Span::default(),
        lost_sight: false,
        key_spent: false,
        reached_provider: true,
        error: None,
    }
}

fn abandon(claimed: &AttemptJob, failure: Failure, refused_at_first: bool) -> Abandon {
    Abandon {
        attempt: claimed.attempt.id,
        token: claimed.job.token,
        payment: claimed.payment.id,
        refund: claimed.attempt.refund,
        failure,
        refused_at_first,
    }
}

/// Nothing was sent of a charge that can be tried at another account: it need not wait for this one.
pub(super) fn goes_on_elsewhere(claimed: &AttemptJob) -> bool {
    let AttemptJob { attempt, payment, .. } = claimed;
    attempt.kind == AttemptKind::Charge
        && attempt.state.is(attempt::State::Created)
        && payment.provider_ref.is_none()
        && payment.next_route().is_some()
}

/// The reason why such a charge goes on at the next account.
pub(super) fn unreachable() -> Failure {
    Failure::not_sent("provider_unreachable", true)
}

/// Makes the calls of one kind of attempt.
pub(super) type DriveFn = for<'d> fn(&'d Drive<'d>) -> BoxFuture<'d, Result<(), DriveEnded>>;

#[derive(Clone)]
pub struct Driver {
    pub store: Store,
    pub registry: Arc<Registry>,
    pub gates: Arc<Gates>,
    pub clock: Arc<dyn Clock>,
    pub pace: Pace,
    /// The deadline of operations that no request begins.
    pub operation_deadline: Span,
}

/// The attempt that is driven, and its provider.
pub(super) struct Drive<'a> {
    pub driver: &'a Driver,
    pub claimed: &'a AttemptJob,
    pub provider: GuardedProvider,
}

impl Driver {
    /// Handles a claimed job of an attempt: `drive` makes the calls.
    pub(super) async fn handle(&self, claimed: &ClaimedJob, drive: DriveFn) -> JobOutcome {
        match claimed {
            ClaimedJob::Attempt(claimed) => {
                self.run(claimed, drive).await;
                JobOutcome::Reported
            }
            ClaimedJob::Standalone(_) => JobOutcome::Failed("the job drives no attempt".to_owned()),
        }
    }

    /// Drives as far as possible now. Open work was postponed, and comes back.
    async fn run(&self, claimed: &AttemptJob, drive_on: DriveFn) {
        let account = claimed.payment.account;
        let Some(entered) = self.enter(account, &claimed.job).await else {
            error!(%account,
                "no provider is configured for the account of this payment");
            let error = "the account is not configured";
            let no_outcome = NoOutcome { reason: Reason::NotConfigured, ..NoOutcome::not_sent(error) };
            let postpone = Postpone { pause: self.pause(claimed), ..postponement(claimed) };
            let _ = self.put_off(claimed, no_outcome, postpone).await;
            return;
        };
        let provider = match entered {
            Ok(provider) => provider,
            Err(Denied::Open) if goes_on_elsewhere(claimed) => {
                let _ = self.submit(abandon(claimed, unreachable(), false)).await;
                return;
            }
            Err(denied) => {
                let _ = self.turn_away(claimed, denied).await;
                return;
            }
        };
        ATTEMPTS.increment((claimed.attempt.kind, AttemptLabel(claimed.job.failures + 1)));
        let drive = Drive { driver: self, claimed, provider };
        if drive_on(&drive).await.is_err() {
            work_context::failed(WorkLabel::of(&claimed.job.kind), Reason::LeaseLost);
            let token = claimed.job.token;
            tracing::debug!(job = %claimed.job.id, token, "the job is no longer this worker's");
        }
    }

    pub(super) async fn submit(&self, command: impl Command + Clone + 'static) -> Result<Reply, DriveEnded> {
        report::submit(&self.store, |tries| self.pace.backoff(tries), command).await
    }

    /// The permit to call an account, and its provider.
    pub(super) async fn enter(
        &self,
        account: AccountId,
        job: &Job,
    ) -> Option<Result<GuardedProvider, Denied>> {
        let provider = self.registry.get(account)?;
        let entered = self.gates.enter(account, job).await?;
        Some(entered.map(|permit| GuardedProvider { provider, permit }))
    }

    /// Submits the mark that a call is about to be made, and returns the number of the call's key.
    /// `None`: the call must not be made, or not now.
    pub(super) async fn mark(&self, mark: impl Command + Clone + 'static) -> Result<Option<i64>, DriveEnded> {
        let Reply::Send(key_number) = self.submit(mark).await? else {
            // The reply itself may contain a customer's data.
            error!("a mark was answered with something else");
            return Err(DriveEnded);
        };
        Ok(key_number)
    }

    /// Whether the provider still keeps a key that was first sent at this time. A key that was not used
    /// yet protects from its first use on.
    pub(super) fn keeps_key(&self, provider: &GuardedProvider, sent_at: Option<Timestamp>) -> bool {
        let retention = provider.capabilities().key_retention;
        sent_at.is_none_or(|at| self.clock.now() < at.plus(retention))
    }

    /// The pause after calls that brought no outcome: no sooner than the provider requests, or than its
    /// circuit lets a call through.
    pub(super) fn pause_behind(&self, provider: &GuardedProvider, backoff: Span) -> Span {
        let turned_away = provider.permit.turned_away();
        let pause = if turned_away { self.pace.turned_away(Denied::Open) } else { backoff };
        pause.max(provider.permit.retry_after())
    }

    /// The pause before the next try; for a case that a person has, before the next check.
    fn pause(&self, claimed: &AttemptJob) -> Span {
        if claimed.attempt.state.is(attempt::State::Review) {
            self.pace.recheck_delays().pause(claimed.job.looks)
        } else {
            self.pace.backoff(claimed.job.failures + 1)
        }
    }

    /// Postpones before the provider was called.
    async fn turn_away(&self, claimed: &AttemptJob, denied: Denied) -> Result<(), DriveEnded> {
        TURNED_AWAY.increment((claimed.attempt.kind, denied));
        let postpone = Postpone {
            pause: self.pace.turned_away(denied),
            reached_provider: false,
            ..postponement(claimed)
        };
        self.submit(postpone).await.map(|_| ())
    }

    async fn put_off(
        &self,
        claimed: &AttemptJob,
        no_outcome: NoOutcome<'_>,
        postpone: Postpone,
    ) -> Result<(), DriveEnded> {
        RETRIES.increment(claimed.attempt.kind);
        work_context::failed(WorkLabel::of(&claimed.job.kind), no_outcome.reason);
        let postpone = Postpone {
            lost_sight: no_outcome.reason == Reason::OutcomeUnknown,
            key_spent: no_outcome.key_spent,
            error: Some(clipped(no_outcome.error)),
            ..postpone
        };
        self.submit(postpone).await.map(|_| ())
    }
}

impl Drive<'_> {
    pub(super) fn by(&self) -> ObservedBy {
        ObservedBy::Job { job: self.claimed.job.id, token: self.claimed.job.token }
    }

    /// The outcome of a call that may have moved money is not known: checks again soon.
    pub(super) async fn outcome_unknown(&self, error: &str) -> Result<(), DriveEnded> {
        warn!(attempt = %self.claimed.attempt.id, kind = self.claimed.attempt.kind.name(), error,
            "the outcome of a call is unknown; it will be looked up");
        self.try_later(NoOutcome::lost(error)).await
    }

    /// Nothing was sent: tries again later.
    pub(super) async fn not_sent(&self, error: &str) -> Result<(), DriveEnded> {
        self.try_later(NoOutcome::not_sent(error)).await
    }

    pub(super) async fn try_later(&self, no_outcome: NoOutcome<'_>) -> Result<(), DriveEnded> {
        let Drive { driver, claimed, provider } = self;
        let pause = driver.pause_behind(provider, driver.pause(claimed));
        let reached_provider = !provider.permit.turned_away();
        let postpone = Postpone { pause, reached_provider, ..postponement(claimed) };
        driver.put_off(claimed, no_outcome, postpone).await
    }

    pub(super) fn key_still_protects(&self) -> bool {
        let attempt = &self.claimed.attempt;
        !attempt.state.is_final() && self.driver.keeps_key(&self.provider, attempt.sent_at)
    }

    /// Commits that a call that moves money is about to be made.
    pub(super) async fn mark_sent(&self, object: Option<String>) -> Result<Option<i64>, DriveEnded> {
        let sent = MarkSent {
            attempt: self.claimed.attempt.id,
            token: self.claimed.job.token,
            payment: self.claimed.payment.id,
            object,
            api: self.provider.provider.api(&self.claimed.payment.method()),
            another_key_after: self.driver.pace.another_key_after,
        };
        self.driver.mark(sent).await
    }

    /// Stores the provider's reason.
    pub(super) async fn record_decline(&self, failure: Failure) -> Result<(), DriveEnded> {
        let (job, token) = (self.claimed.job.id, self.claimed.job.token);
        let record = RecordDecline { job, token, payment: self.claimed.payment.id, failure };
        self.driver.submit(record).await.map(|_| ())
    }

    /// A cancel moves no money, so each drive sends it under a new key. A kept error is then not
    /// repeated.
    pub(super) fn cancel_action<'a>(&self, object: &'a str) -> ObjectCall<'a> {
        ObjectCall { attempt: self.claimed.attempt.id, key_number: self.claimed.job.token, object }
    }

    pub(super) async fn settle(
        &self,
        observation: Observation,
        source: Source,
        refused: Option<Failure>,
    ) -> Result<(), DriveEnded> {
        let settle = Settle {
            by: self.by(),
            payment: self.claimed.payment.id,
            attempt: self.claimed.attempt.id,
            observation,
            source,
            refused,
            recheck: self.driver.pace.recheck_delays(),
            deadline: self.driver.operation_deadline,
        };
        self.driver.submit(settle).await.map(|_| ())
    }

    /// The order was refused, and nothing was sent that could move money.
    pub(super) async fn abandon(&self, failure: Failure) -> Result<(), DriveEnded> {
        self.abandon_as(failure, false).await
    }

    /// The only call that could move money was refused.
    pub(super) async fn abandon_refused(&self, failure: Failure) -> Result<(), DriveEnded> {
        self.abandon_as(failure, true).await
    }

    async fn abandon_as(&self, failure: Failure, refused_at_first: bool) -> Result<(), DriveEnded> {
        work_context::failed(WorkLabel::of(&self.claimed.job.kind), Reason::Refused);
        self.driver.submit(abandon(self.claimed, failure, refused_at_first)).await.map(|_| ())
    }

    /// The payment's end is known and evidenced, and the attempt is settled: nothing is left to do,
    /// unless some of its money is in suspense.
    pub(super) async fn finish_if_settled(&self) -> Option<Result<(), DriveEnded>> {
        let AttemptJob { attempt, payment, .. } = self.claimed;
        let settled = attempt.state.is_final() && payment.evidenced;
        if !settled || payment.suspended_minor > 0 {
            return None;
        }
        let finish = FinishAttempt { attempt: attempt.id, token: self.claimed.job.token };
        Some(self.driver.submit(finish).await.map(|_| ()))
    }

    /// Whether an object that waits for the customer is cancelled at the provider. A code may be paid long
    /// after the deadline of our own calls.
    pub(super) fn waits_too_long(&self, next: &NextAction) -> bool {
        let NextAction::PayPix { expires_at, .. } = next else { return self.must_end() };
        let payment = &self.claimed.payment;
        let until = payment.pay_until.map_or(*expires_at, |until| until.min(*expires_at));
        let ends_itself = self.provider.capabilities().ends_expired_objects;
        payment.void_requested || (!ends_itself && self.driver.clock.now() >= until)
    }

    /// The customer's time is over, the deadline has passed, or the payment was called off: an object that
    /// waits for the customer is cancelled at the provider.
    pub(super) fn must_end(&self) -> bool {
        let AttemptJob { attempt, payment, .. } = self.claimed;
        let until = payment.payable_until().unwrap_or(attempt.deadline_at);
        payment.void_requested || (!attempt.state.is_final() && self.driver.clock.now() >= until)
    }
}

/// An error as it is stored with a job.
pub(super) fn clipped(error: &str) -> String {
    error.chars().take(domain::limits::ERROR_CHARACTERS_MAX).collect()
}
