//! Finish a reconciliation: everything of its time was compared.

use super::{about_run, running};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{JobId, ReconciliationId, TenantId};
use crate::lifecycle::reconciliation::{Event, State, step};
use crate::rows::{AccountReconciliation, Actor, Facts, Needs, Reconciliation};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct FinishReconciliation {
    pub run: ReconciliationId,
    pub token: i64,
}

impl Command for FinishReconciliation {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.run));
        let run = rows.reconciliation(self.run)?;
        rows.account_reconciliation(run.account);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let (run, held) = running(facts, self.run, self.token)?;
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let now = context.now;
        draft.put(held.job.finished(now));
        let state = draft.step(about_run(run), const { step(State::Running, Event::Finish) });
        draft.put(Reconciliation { state, updated_at: now, finished_at: Some(now), ..run.clone() });
        if let Some(account) = facts.account_reconciliations.get(run.account) {
            // A run of some other time leaves no hole before it.
            let adjoins = account.compared_until.is_none_or(|until| run.begins_at <= until);
            let reaches = account.compared_until.map_or(run.ends_at, |until| until.max(run.ends_at));
            draft.put(AccountReconciliation {
                version: account.version + 1,
                current: account.current.filter(|current| *current != run.id),
                compared_until: if adjoins { Some(reaches) } else { account.compared_until },
                succeeded_at: Some(now),
                ..account.clone()
            });
        }
        Ok(draft.done())
    }
}
