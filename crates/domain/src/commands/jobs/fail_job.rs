//! Fail a job: its handler failed. The job runs again later, or becomes a dead letter once its
//! attempts are used up or its deadline is over.

use alloc::string::String;

use super::{HeldJob, give_up_job, held};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{JobId, TenantId};
use crate::jobs::JobKind;
use crate::limits::ERROR_CHARACTERS_MAX;
use crate::rows::{Actor, Facts, Job, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct FailJob {
    pub job: JobId,
    pub token: i64,
    pub kind: &'static JobKind,
    pub error: String,
    /// The time until the job is due again.
    pub pause: Span,
}

impl Command for FailJob {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let job = rows.job(self.job)?;
        self.kind.rules.needs_of_claim(rows, job, true)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let HeldJob { job, give_up } = held(facts, self.job, self.token)?;
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let error: String = self.error.chars().take(ERROR_CHARACTERS_MAX).collect();
        let reschedule = job.again;
        let job =
            Job { worker: None, lease_until: None, attempts: 0, failures: job.failures + 1, ..job.clone() };
        let late = job.deadline_at.is_some_and(|at| context.now.plus(self.pause) > at);
        if late || job.failures >= self.kind.attempts_max {
            let job = Job { attempts: job.failures, ..job };
            give_up_job(&mut draft, job.clone(), give_up, error);
            self.kind.rules.given_up(&mut draft, facts, &job);
            return Ok(draft.done());
        }
        draft.put(Job {
            state: reschedule.to(),
            due_at: context.now.plus(self.pause),
            last_error: Some(error),
            updated_at: context.now,
            ..job
        });
        Ok(draft.done())
    }
}
