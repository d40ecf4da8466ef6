//! Reconciliation: a run is started, records what it has compared page by page, and ends.
//!
//! | phase | command | what a crash leaves |
//! |---|---|---|
//! | start | [`StartReconciliation`]: the run, its job, and the account's mark that a run is under way | all of it, or nothing |
//! | compare | [`RecordPage`]: the differences of one page, with the cursor of the next | the page is read again |
//! | clear | [`ClearMarks`] | the rest is deleted by the next claim of the job |
//! | end | [`FinishReconciliation`] | the same |
//!
//! Every command of a run is under its job's token, so a worker that lost its lease records nothing. What a
//! page shows of a payment is no decision here: it goes through `Settle`, as a fetched object.

mod accept;
mod clear_marks;
mod finish;
mod record_page;
mod rules;
mod start;

pub use accept::{AcceptDifference, DecidedDifference};
pub use clear_marks::ClearMarks;
pub use finish::FinishReconciliation;
pub use record_page::{RecordPage, RunProgress};
pub use start::{StartReconciliation, StartedBy};

pub(crate) use rules::ReconciliationJobs;

use crate::commands::draft::About;
use crate::ids::{JobId, ReconciliationId};
use crate::lifecycle::reconciliation::State;
use crate::refusal::Refusal;
use crate::rows::{Difference, Facts, Job, Reconciliation, Subject};

/// The kind of row that the job of a run is about.
const RECONCILIATION: &str = "reconciliation";

impl Job {
    /// The run of the job, if it has one.
    pub fn reconciliation(&self) -> Option<ReconciliationId> {
        (self.subject_kind == RECONCILIATION).then_some(ReconciliationId(self.subject))
    }
}

fn about_run(run: &Reconciliation) -> About {
    About { tenant: run.tenant, kind: Subject::Reconciliation, id: run.id.0 }
}

fn about_difference(difference: &Difference) -> About {
    About { tenant: difference.tenant, kind: Subject::Difference, id: difference.id.0 }
}

/// The run, if it still goes on, with its job under this token.
fn running(
    facts: &Facts,
    id: ReconciliationId,
    token: i64,
) -> Result<(&Reconciliation, super::jobs::HeldJob<'_>), Refusal> {
    let held = super::jobs::held(facts, JobId::from(id), token)?;
    let run = facts.reconciliations.get(id).filter(|run| run.state.is(State::Running));
    Ok((run.ok_or(Refusal::NothingToDo)?, held))
}
