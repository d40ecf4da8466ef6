//! Clear marks: what a run has met need not be known after its end.

use alloc::vec::Vec;

use super::running;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{JobId, ReconciliationId, ReconciliationMarkId, TenantId};
use crate::rows::{Actor, Facts, Needs, ReconciliationMark};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct ClearMarks {
    pub run: ReconciliationId,
    pub token: i64,
    /// At most [`crate::limits::IDS_PER_COMMAND_MAX`].
    pub marks: Vec<ReconciliationMarkId>,
}

impl Command for ClearMarks {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.run));
        for mark in &self.marks {
            rows.reconciliation_mark(*mark);
        }
        rows.reconciliation(self.run);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        running(facts, self.run, self.token)?;
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        for mark in &self.marks {
            draft.remove::<ReconciliationMark>(*mark);
        }
        Ok(draft.done())
    }
}
