//! Driving the reversal of a payout's transfer: it has only one step at the provider, so its key and its number
//! guard it.
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | commit *sent*, reverse, then fetch the transfer |
//! | sent, the reply lost | fetch the transfer, which shows our reversals by number; if it does not show this one |
//! | ... within the key's retention | the same bytes again under the same key |
//! | ... the provider keeps an error under the key | after a while and another look-up, again under another key |
//! | ... past the key's retention | look up again, never resend; at the deadline a review case |
//! | the provider refuses it, and no call before it is in doubt | the payout stays paid, with the reason |
//!
//! Only the transfer as the provider shows it settles the reversal, so the sum of what came back is always the
//! provider's, whoever took it back.

use domain::commands::{
    MarkReversalSent, ObservedBy, PayoutOutcome, PostponeReversal, RefuseReversal, SettlePayout,
};
use domain::provider::{CallOutcome, TransferObservation};
use domain::reply::ClaimedJob;
use domain::rows::{Failure, FailureCause, Job, Payout};
use domain::time::Span;
use domain::{AccountId, JobId, PayoutId};
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::{Payouts, TransferReversalOrder};
use tracing::{error, warn};

use super::driver::{Driver, NOT_CONFIGURED, clipped};
use super::guarded_provider::GuardedProvider;
use super::handlers::{JobHandler, JobOutcome};
use super::report::DriveEnded;
use crate::metrics::labels::{Reason, WorkLabel};
use crate::work_context;

/// Works on the jobs that take payouts back.
pub struct ReversalHandler(pub Driver);

impl JobHandler for ReversalHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        async move {
            let job = claimed.job();
            let payout = match self.0.store.payout(job.tenant, PayoutId(job.subject)).await {
                Ok(Some(payout)) => payout,
                Ok(None) => return JobOutcome::Failed("the job has no payout".to_owned()),
                Err(error) => return JobOutcome::Failed(error.to_string()),
            };
            work_context::about(payout.id);
            // It has ended, and perhaps another one has begun.
            let is_this = job.id == JobId::of_reversal(payout.id, payout.reversal);
            if !is_this || !payout.is_being_reversed() {
                return JobOutcome::Done;
            }
            run(&self.0, job, &payout).await.unwrap_or_else(|DriveEnded| {
                work_context::failed(WorkLabel::of(&job.kind), Reason::LeaseLost);
                JobOutcome::Reported
            })
        }
        .boxed()
    }
}

async fn run(driver: &Driver, job: &Job, payout: &Payout) -> Result<JobOutcome, DriveEnded> {
    let account = payout.account.unwrap_or(AccountId(job.subject));
    let not_called = |pause: Span, error: &str| PostponeReversal {
        pause,
        reached_provider: false,
        error: Some(error.to_owned()),
        ..postponed(job, payout)
    };
    match driver.enter(account, job).await {
        Some(Ok(provider)) => Reversal { driver, job, payout, provider }.drive().await?,
        Some(Err(denied)) => {
            let pause = driver.pace.turned_away(denied);
            driver.submit(not_called(pause, "the account could not be called")).await?;
        }
        None => {
            error!(%account, "no provider is configured for the account of this payout");
            driver.submit(not_called(NOT_CONFIGURED, "the account is not configured")).await?;
        }
    }
    Ok(JobOutcome::Reported)
}

/// Changes nothing but the time of the next run.
fn postponed(job: &Job, payout: &Payout) -> PostponeReversal {
    PostponeReversal {
        payout: payout.id,
        number: payout.reversal,
        token: job.token,
        pause: Span(0),
        lost_sight: false,
        key_spent: false,
        reached_provider: true,
        error: None,
    }
}

/// The reversal that is driven, and its provider.
struct Reversal<'a> {
    driver: &'a Driver,
    job: &'a Job,
    payout: &'a Payout,
    provider: GuardedProvider,
}

impl Reversal<'_> {
    async fn drive(&self) -> Result<(), DriveEnded> {
        if self.provider.capabilities().payouts == Payouts::None {
            return self.refused("not_offered_by_provider", FailureCause::NotSent).await;
        }
        let forgets = fault_injection::is(fault_injection::InjectedFault::ReversalKeyNotKept);
        if !self.is_first_call() && !forgets {
            match self.look().await {
                Ok(seen) if self.is_in(&seen) => return self.seen(seen).await,
                Ok(_) => {}
                Err(why) => return self.unknown(why, false).await,
            }
            if !self.driver.keeps_key(&self.provider, self.payout.sent_at) {
                return self.unknown("not found, and too old to be sent again".to_owned(), false).await;
            }
        }
        match self.mark_sent().await? {
            Some(_) if forgets => self.call(self.job.token).await,
            Some(key) => self.call(key).await,
            None => self.unknown("not found, and not sent again".to_owned(), false).await,
        }
    }

    /// Whether no call of ours is in doubt.
    fn is_first_call(&self) -> bool {
        let payout = self.payout;
        payout.sent_at.is_none() && payout.key_spent_at.is_none() && payout.unknown_since.is_none()
    }

    fn is_in(&self, seen: &TransferObservation) -> bool {
        seen.own_reversals.contains(&self.payout.reversal)
    }

    async fn look(&self) -> Result<TransferObservation, String> {
        let object = self.payout.provider_ref.as_deref().ok_or("the payout has no transfer")?;
        self.provider.fetch_transfer(object).await.shown()
    }

    async fn call(&self, key_number: i64) -> Result<(), DriveEnded> {
        let payout = self.payout;
        let order = TransferReversalOrder {
            payout: payout.id,
            number: payout.reversal,
            key_number,
            object: payout.provider_ref.clone().unwrap_or_default(),
            amount: domain::Money::new(payout.reversing_minor, payout.currency),
        };
        match self.provider.reverse_transfer(&order).await {
            CallOutcome::Object(_) => match self.look().await {
                Ok(seen) if self.is_in(&seen) => self.seen(seen).await,
                Ok(_) => self.unknown("the transfer does not show it yet".to_owned(), false).await,
                Err(why) => self.unknown(why, false).await,
            },
            // Refused; but an earlier call of ours, whose reply was lost, may have made it.
            CallOutcome::Refused { code, cause, .. } => match self.look().await {
                Ok(seen) if self.is_in(&seen) => self.seen(seen).await,
                Ok(seen) if self.is_first_call() => {
                    // It may show why: somebody else took it back.
                    self.seen(seen).await?;
                    self.refused(&code, cause).await
                }
                Ok(_) => self.unknown(code, false).await,
                Err(why) => self.unknown(why, false).await,
            },
            CallOutcome::NotSent { error, .. } => {
                work_context::failed(WorkLabel::of(&self.job.kind), Reason::NotSent);
                self.later(PostponeReversal { error: Some(error), ..postponed(self.job, payout) }).await
            }
            CallOutcome::Unknown { error, key_spent } => self.unknown(error, key_spent).await,
        }
    }

    async fn mark_sent(&self) -> Result<Option<i64>, DriveEnded> {
        let mark = MarkReversalSent {
            payout: self.payout.id,
            number: self.payout.reversal,
            token: self.job.token,
            another_key_after: self.driver.pace.another_key_after,
        };
        self.driver.mark(mark).await
    }

    async fn seen(&self, seen: TransferObservation) -> Result<(), DriveEnded> {
        let by = ObservedBy::Job { job: self.job.id, token: self.job.token };
        let settle = SettlePayout { by, payout: self.payout.id, outcome: PayoutOutcome::Seen(seen) };
        self.driver.submit(settle).await.map(drop)
    }

    async fn refused(&self, code: &str, cause: FailureCause) -> Result<(), DriveEnded> {
        work_context::failed(WorkLabel::of(&self.job.kind), Reason::Refused);
        let refuse = RefuseReversal {
            payout: self.payout.id,
            number: self.payout.reversal,
            token: self.job.token,
            failure: Failure { code: code.to_owned(), retryable: false, cause },
        };
        self.driver.submit(refuse).await.map(drop)
    }

    /// The outcome of a call that may have moved money is not known: checks again soon.
    async fn unknown(&self, error: String, key_spent: bool) -> Result<(), DriveEnded> {
        warn!(payout = %self.payout.id, error, "the outcome of a reversal is unknown; it will be looked up");
        work_context::failed(WorkLabel::of(&self.job.kind), Reason::OutcomeUnknown);
        let (lost_sight, error) = (true, Some(error));
        self.later(PostponeReversal { lost_sight, key_spent, error, ..postponed(self.job, self.payout) })
            .await
    }

    async fn later(&self, postpone: PostponeReversal) -> Result<(), DriveEnded> {
        let postpone = PostponeReversal {
            pause: self.driver.pause_behind(&self.provider, self.driver.pace.backoff(self.job.failures + 1)),
            reached_provider: !self.provider.permit.turned_away(),
            error: postpone.error.as_deref().map(clipped),
            ..postpone
        };
        self.driver.submit(postpone).await.map(drop)
    }
}
