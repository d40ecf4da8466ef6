//! Driving a payout: a transfer has only one step at the provider, so its key and our reference guard it.
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | look the booking's transfers up: a restored database may have lost that it was made; commit *sent*, transfer |
//! | sent, the reply lost | look the booking's transfers up; one that is not found may still have been made, so |
//! | ... within the key's retention | the same bytes again under the same key |
//! | ... the provider keeps an error under the key | after a while and another look-up, again under another key |
//! | ... past the key's retention | look up again, never resend; at the deadline a review case |
//! | the balance is too low | no money moved: again later, under another key |
//! | a person has the case | look up; a transfer that is found settles it |
//!
//! A payout never goes to another account than the beneficiary's: there is no failover.

use domain::commands::{MarkPayoutSent, ObservedBy, PayoutOutcome, PostponePayout, SettlePayout};
use domain::lifecycle::payout::State;
use domain::provider::{CallOutcome, TransferAnswer, TransferObservation};
use domain::reply::ClaimedJob;
use domain::rows::{Failure, FailureCause, Job, Payout};
use domain::time::Span;
use domain::{AccountId, PayoutId};
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::{Payouts, TransferOrder};
use tracing::{error, warn};

use super::driver::{Driver, clipped};
use super::guarded_provider::GuardedProvider;
use super::handlers::{JobHandler, JobOutcome};
use super::report::DriveEnded;
use crate::metrics::labels::{Reason, WorkLabel};
use crate::work_context;

/// The code of a payout that waits for money.
const INSUFFICIENT_BALANCE: &str = "balance_insufficient";

/// Works on the jobs of payouts.
pub struct PayoutHandler(pub Driver);

impl JobHandler for PayoutHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        async move {
            let job = claimed.job();
            let payout = match self.0.store.payout(job.tenant, PayoutId(job.subject)).await {
                Ok(Some(payout)) => payout,
                Ok(None) => return JobOutcome::Failed("the job has no payout".to_owned()),
                Err(error) => return JobOutcome::Failed(error.to_string()),
            };
            PayoutDrive::run(&self.0, job, &payout).await.unwrap_or_else(|DriveEnded| {
                work_context::failed(WorkLabel::of(&job.kind), Reason::LeaseLost);
                JobOutcome::Reported
            })
        }
        .boxed()
    }
}

/// The payout that is driven, and its provider.
struct PayoutDrive<'a> {
    driver: &'a Driver,
    job: &'a Job,
    payout: &'a Payout,
    provider: GuardedProvider,
}

/// What a postponement reports.
#[derive(Default)]
struct Later {
    lost_sight: bool,
    key_spent: bool,
    refused: Option<Failure>,
    error: Option<String>,
}

impl PayoutDrive<'_> {
    async fn run(driver: &Driver, job: &Job, payout: &Payout) -> Result<JobOutcome, DriveEnded> {
        work_context::about(payout.id);
        if matches!(*payout.state, State::Paid | State::Failed | State::Returned) {
            return Ok(JobOutcome::Done);
        }
        let account = payout.account.unwrap_or(AccountId(job.subject));
        match driver.enter(account, job).await {
            Some(Ok(provider)) => {
                PayoutDrive { driver, job, payout, provider }.drive().await?;
            }
            Some(Err(denied)) => {
                let pause = driver.pace.turned_away(denied);
                postpone(driver, job, payout, pause, false, Later::default()).await?;
            }
            None => {
                error!(%account, "no provider is configured for the account of this payout");
                let error = Some("the account is not configured".to_owned());
                let later = Later { error, ..Later::default() };
                postpone(driver, job, payout, pause_of(driver, job, payout), false, later).await?;
            }
        }
        Ok(JobOutcome::Reported)
    }

    async fn drive(&self) -> Result<(), DriveEnded> {
        let payout = self.payout;
        if self.provider.capabilities().payouts == Payouts::None {
            return self.refused("not_offered_by_provider", FailureCause::NotSent).await;
        }
        if payout.state.is(State::Scheduled) {
            return self.first_call().await;
        }
        let forgets = fault_injection::is(fault_injection::InjectedFault::PayoutKeyNotKept);
        if let Some(object) = &payout.provider_ref {
            return match self.provider.fetch_transfer(object).await.shown() {
                Ok(seen) => self.seen(seen).await,
                Err(why) => self.unknown(why, false).await,
            };
        }
        if !forgets {
            match self.own().await {
                Ok(Some(own)) => return self.seen(own).await,
                Ok(None) => {}
                Err(why) => return self.unknown(why, false).await,
            }
            if !self.driver.keeps_key(&self.provider, payout.sent_at) {
                return self.unknown("not found, and too old to be sent again".to_owned(), false).await;
            }
        }
        match self.mark_sent().await? {
            Some(_) if forgets => self.call(self.job.token).await,
            Some(key) => self.call(key).await,
            None => self.unknown("not found, and not sent again".to_owned(), false).await,
        }
    }

    /// A look-up that fails proves nothing, and moved nothing.
    async fn first_call(&self) -> Result<(), DriveEnded> {
        let own = match self.own().await {
            Ok(own) => own,
            Err(error) => return self.later(Later { error: Some(error), ..Later::default() }).await,
        };
        match (self.mark_sent().await?, own) {
            (Some(_), Some(own)) => self.seen(own).await,
            (Some(key), None) => self.call(key).await,
            (None, _) => self.later(Later::default()).await,
        }
    }

    /// The transfer at the provider, by our reference.
    async fn own(&self) -> Result<Option<TransferObservation>, String> {
        let listed = self.provider.transfers_of(self.payout.booking).await.shown()?;
        let own = listed.into_iter().find(|listed| listed.payout == Some(self.payout.id));
        Ok(own.map(|listed| listed.observation))
    }

    async fn call(&self, key_number: i64) -> Result<(), DriveEnded> {
        let payout = self.payout;
        let order = TransferOrder {
            payout: payout.id,
            key_number,
            booking: payout.booking,
            beneficiary: payout.beneficiary,
            tenant: payout.tenant,
            amount: payout.amount(),
            destination: payout.destination.clone().unwrap_or_default(),
        };
        match self.provider.transfer(&order).await {
            CallOutcome::Object(TransferAnswer::Made(seen)) => self.seen(seen).await,
            CallOutcome::Object(TransferAnswer::InsufficientBalance) => {
                warn!(payout = %payout.id, "the balance at the provider is too low for a payout");
                let (code, error) = (INSUFFICIENT_BALANCE.to_owned(), INSUFFICIENT_BALANCE.to_owned());
                let failure = Failure { code, retryable: true, cause: FailureCause::Declined };
                self.later(Later { refused: Some(failure), error: Some(error), ..Later::default() }).await
            }
            // Refused; but an earlier call of ours, whose reply was lost, may have made it.
            CallOutcome::Refused { code, cause, .. } => match self.own().await {
                Ok(Some(own)) => self.seen(own).await,
                Ok(None) if self.is_first_call() => self.refused(&code, cause).await,
                Ok(None) => self.unknown(code, false).await,
                Err(why) => self.unknown(why, false).await,
            },
            CallOutcome::NotSent { error, .. } => {
                work_context::failed(WorkLabel::of(&self.job.kind), Reason::NotSent);
                self.later(Later { error: Some(error), ..Later::default() }).await
            }
            CallOutcome::Unknown { error, key_spent } => self.unknown(error, key_spent).await,
        }
    }

    /// Whether no call of ours is in doubt: none was sent, or each one was refused.
    fn is_first_call(&self) -> bool {
        let payout = self.payout;
        let all_refused = payout.sent_at.is_none() && payout.key_spent_at.is_none();
        payout.state.is(State::Scheduled) || (payout.state.is(State::Sent) && all_refused)
    }

    async fn mark_sent(&self) -> Result<Option<i64>, DriveEnded> {
        let sent = MarkPayoutSent {
            payout: self.payout.id,
            token: self.job.token,
            another_key_after: self.driver.pace.another_key_after,
        };
        self.driver.mark(sent).await
    }

    async fn seen(&self, seen: TransferObservation) -> Result<(), DriveEnded> {
        self.settle(PayoutOutcome::Seen(seen)).await
    }

    async fn refused(&self, code: &str, cause: FailureCause) -> Result<(), DriveEnded> {
        work_context::failed(WorkLabel::of(&self.job.kind), Reason::Refused);
        let failure = Failure { code: code.to_owned(), retryable: false, cause };
        self.settle(PayoutOutcome::Refused(failure)).await
    }

    async fn settle(&self, outcome: PayoutOutcome) -> Result<(), DriveEnded> {
        let by = ObservedBy::Job { job: self.job.id, token: self.job.token };
        let settle = SettlePayout { by, payout: self.payout.id, outcome };
        self.driver.submit(settle).await.map(|_| ())
    }

    /// The outcome of a call that may have moved money is not known: checks again soon.
    async fn unknown(&self, error: String, key_spent: bool) -> Result<(), DriveEnded> {
        warn!(payout = %self.payout.id, error, "the outcome of a payout is unknown; it will be looked up");
        work_context::failed(WorkLabel::of(&self.job.kind), Reason::OutcomeUnknown);
        self.later(Later { lost_sight: true, key_spent, error: Some(error), ..Later::default() }).await
    }

    async fn later(&self, later: Later) -> Result<(), DriveEnded> {
        let PayoutDrive { driver, job, payout, provider } = self;
        let pause = driver.pause_behind(provider, pause_of(driver, job, payout));
        postpone(driver, job, payout, pause, !provider.permit.turned_away(), later).await
    }
}

/// The pause before the next try; for a case that a person has, before the next check.
fn pause_of(driver: &Driver, job: &Job, payout: &Payout) -> Span {
    if payout.state.is(State::Review) {
        driver.pace.recheck_delays().pause(job.looks)
    } else {
        driver.pace.backoff(job.failures + 1)
    }
}

async fn postpone(
    driver: &Driver,
    job: &Job,
    payout: &Payout,
    pause: Span,
    reached_provider: bool,
    later: Later,
) -> Result<(), DriveEnded> {
    let postpone = PostponePayout {
        payout: payout.id,
        token: job.token,
        pause,
        lost_sight: later.lost_sight,
        key_spent: later.key_spent,
        refused: later.refused,
        reached_provider,
        error: later.error.as_deref().map(clipped),
    };
    driver.submit(postpone).await.map(|_| ())
}
