//! The job of a run: if it is given up, the run has failed, and the account is free for the next one.

use super::about_run;
use crate::commands::draft::Draft;
use crate::commands::jobs::JobRules;
use crate::lifecycle::reconciliation::{Event, State, step};
use crate::rows::{AccountReconciliation, Facts, Job, Needs, Reconciliation};

#[derive(Debug)]
pub(crate) struct ReconciliationJobs;

impl JobRules for ReconciliationJobs {
    fn needs_of_claim(&self, rows: &mut Needs<'_>, job: &Job, last: bool) -> Option<()> {
        let Some(run) = job.reconciliation().filter(|_| last) else { return Some(()) };
        let run = rows.reconciliation(run)?;
        rows.account_reconciliation(run.account);
        Some(())
    }

    fn given_up(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) {
        let run = job.reconciliation().and_then(|id| facts.reconciliations.get(id));
        let Some(run) = run.filter(|run| run.state.is(State::Running)) else { return };
        let now = draft.context.now;
        let state = draft.step(about_run(run), const { step(State::Running, Event::Fail) });
        let error = job.last_error.clone();
        draft.put(Reconciliation { state, error, updated_at: now, finished_at: Some(now), ..run.clone() });
        let account = facts.account_reconciliations.get(run.account);
        if let Some(account) = account.filter(|account| account.current == Some(run.id)) {
            draft.put(AccountReconciliation {
                version: account.version + 1,
                current: None,
                ..account.clone()
            });
        }
    }
}
