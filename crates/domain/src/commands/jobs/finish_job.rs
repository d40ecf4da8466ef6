//! Finish a job: nothing is left to do. The job of an attempt is finished only after the attempt was settled.

use super::{OpenJob, held};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{AttemptId, JobId, TenantId};
use crate::lifecycle::State as _;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Needs};
use crate::working_set::{Command, Context, Decision, DecisionResult};

/// The handler did the work of the job.
#[derive(Clone, Debug)]
pub struct FinishJob {
    pub job: JobId,
    pub token: i64,
}

impl Command for FinishJob {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(self.job);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, self.job, self.token)?.job;
        if job.attempt().is_some() {
            return Err(Refusal::NothingToDo);
        }
        Ok(finish(&job, context))
    }
}

/// Nothing is left to do for an attempt, because another command has settled it with evidence.
#[derive(Clone, Debug)]
pub struct FinishAttempt {
    pub attempt: AttemptId,
    /// The token of its job.
    pub token: i64,
}

impl Command for FinishAttempt {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.attempt));
        rows.attempt(self.attempt);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, JobId::from(self.attempt), self.token)?.job;
        if !facts.attempts.get(self.attempt).is_some_and(|attempt| attempt.state.is_final()) {
            return Err(Refusal::NothingToDo);
        }
        Ok(finish(&job, context))
    }
}

fn finish(job: &OpenJob<'_>, context: &Context<'_>) -> Decision {
    let origin = Origin::of(Actor::Worker);
    let mut draft = Draft::new(context, &origin);
    draft.put(job.finished(context.now));
    draft.done()
}
