//! Reconciliation of an account's books at its provider with ours: a run, page by page.
//!
//! | stage | reads | compares |
//! |---|---|---|
//! | `provider` | a page of the provider's list, by time | each object with our row, its movements and the ledger |
//! | `payments` | a page of our payments of that time | those that the list did not show, fetched by id |
//! | `refunds` | a page of our refunds of that time | the same |
//! | `payouts` | a page of our payouts of that time, where the provider makes transfers | the same |
//! | `recheck` | open differences of earlier runs that this one has not met | their objects, fetched by id |
//! | `clear` | the run's marks, which are deleted | |
//!
//! Each page is recorded in one transaction, with its differences and the cursor of the next. So a run whose
//! process dies goes on where it was: another worker claims the job, and reads at most one page again. A page
//! is all that is in memory.
//!
//! An object that is ahead of our payment is a lost webhook: it is fetched, submitted as any fetched object is,
//! and compared again ([`evidence`]).
//!
//! What must never be here: an outcome that is decided because an object was *not* found. A provider's list may
//! lag behind, and a call may be in flight.

mod evidence;
mod examine;
mod pages;
pub mod schedule;
mod transfers;

use domain::commands::{ClearMarks, FinishReconciliation, RecordPage, RunProgress};
use domain::lifecycle::reconciliation::State;
use domain::limits::IDS_PER_COMMAND_MAX;
use domain::reply::ClaimedJob;
use domain::rows::{Job, Reconciliation, ReconciliationStage};
use futures_util::future::{BoxFuture, FutureExt as _};
use std::sync::Arc;

use providers::Provider;
use tracing::info;

use super::driver::Driver;
use super::handlers::{JobHandler, JobOutcome};
use super::report::DriveEnded;
use examine::Examined;

/// Works on the jobs that reconcile.
pub struct ReconcileHandler(pub Driver);

/// Why a run stops for now.
enum Halt {
    /// The provider or the store failed; the page is read again later.
    Failed(String),
    /// Another worker has the job, or the run has ended.
    Ended,
}

impl From<DriveEnded> for Halt {
    fn from(DriveEnded: DriveEnded) -> Halt {
        Halt::Ended
    }
}

impl From<store::Error> for Halt {
    fn from(error: store::Error) -> Halt {
        Halt::Failed(error.to_string())
    }
}

/// What a page shows, and where the run continues.
struct RunPage {
    examined: Examined,
    progress: RunProgress,
}

/// A run at work on one page.
struct RunAtWork<'a> {
    driver: &'a Driver,
    provider: Arc<dyn Provider>,
    run: &'a Reconciliation,
    job: &'a Job,
}

impl JobHandler for ReconcileHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        async {
            match self.pages(claimed.job()).await {
                Ok(outcome) => outcome,
                Err(Halt::Ended) => JobOutcome::Reported,
                Err(Halt::Failed(why)) => JobOutcome::Failed(why),
            }
        }
        .boxed()
    }
}

impl ReconcileHandler {
    async fn pages(&self, job: &Job) -> Result<JobOutcome, Halt> {
        let driver = &self.0;
        let id = job.reconciliation().ok_or_else(|| Halt::Failed("the job is of no run".to_owned()))?;
        loop {
            let Some(run) = driver.store.reconciliation(id).await? else { return Ok(JobOutcome::Done) };
            if !run.state.is(State::Running) {
                return Ok(JobOutcome::Done);
            }
            let provider = driver.registry.get(run.account);
            let provider = provider
                .ok_or_else(|| Halt::Failed("no provider is configured for the account".to_owned()))?;
            let at_work = RunAtWork { driver, provider, run: &run, job };
            match run.stage {
                ReconciliationStage::Clear if at_work.clear().await? => {}
                ReconciliationStage::Clear => {
                    driver.submit(FinishReconciliation { run: id, token: job.token }).await?;
                    let (found, repaired) = (run.found, run.repaired);
                    info!(run = %id, account = %run.account, found, repaired, "a reconciliation has finished");
                    return Ok(JobOutcome::Reported);
                }
                stage => {
                    let page = at_work.page(stage).await?;
                    at_work.record(page).await?;
                }
            }
        }
    }
}

impl RunAtWork<'_> {
    async fn page(&self, stage: ReconciliationStage) -> Result<RunPage, Halt> {
        match stage {
            ReconciliationStage::Provider => self.provider_page().await,
            ReconciliationStage::Payments => self.payments_page().await,
            ReconciliationStage::Refunds => self.refunds_page().await,
            ReconciliationStage::Payouts => self.payouts_page().await,
            ReconciliationStage::Recheck | ReconciliationStage::Clear => self.recheck_page().await,
        }
    }

    async fn record(&self, page: RunPage) -> Result<(), Halt> {
        let Examined { found, repaired, vanished, marks } = page.examined;
        let record = RecordPage {
            run: self.run.id,
            token: self.job.token,
            pages_before: self.run.pages,
            account: self.run.account,
            progress: page.progress,
            found,
            repaired,
            vanished,
            marks,
        };
        self.driver.submit(record).await?;
        Ok(())
    }

    /// Deletes some of the run's marks. Returns whether there were any.
    async fn clear(&self) -> Result<bool, Halt> {
        let marks = self.driver.store.marks_of(self.run.id, IDS_PER_COMMAND_MAX).await?;
        if marks.is_empty() {
            return Ok(false);
        }
        self.driver.submit(ClearMarks { run: self.run.id, token: self.job.token, marks }).await?;
        Ok(true)
    }
}
