//! The rows that a kind of job moves besides the job's own row. By default there are none.

use core::fmt::Debug;

use super::about;
use crate::commands::draft::Draft;
use crate::lifecycle::job;
use crate::refusal::Refusal;
use crate::reply::{ClaimedJob, DeadLetter};
use crate::rows::{Facts, Job, Needs};

pub(crate) trait JobRules: Debug + Sync {
    /// Requests the rows that a claim needs besides the job. `last`: the claim may give the job up.
    fn needs_of_claim(&self, _rows: &mut Needs<'_>, _job: &Job, _last: bool) -> Option<()> {
        Some(())
    }

    /// What a worker gets with its claim. `None` if there is nothing to work on.
    fn claimed(&self, _facts: &Facts, job: Job) -> Option<ClaimedJob> {
        Some(ClaimedJob::Standalone(job.into()))
    }

    /// The job went to the dead letters.
    fn given_up(&self, _draft: &mut Draft<'_>, _facts: &Facts, _job: &Job) {}

    /// Requests the rows that the discard of the job's dead letter needs besides the job.
    fn needs_of_discard(&self, _rows: &mut Needs<'_>, _job: &Job) -> Option<()> {
        Some(())
    }

    /// A person discards a dead job.
    fn discard(
        &self,
        draft: &mut Draft<'_>,
        _facts: &Facts,
        job: &Job,
        _why: &str,
    ) -> Result<DeadLetter, Refusal> {
        let step = job.state.require(job::Event::Finish)?;
        // Nothing can fail from here on.

        let state = draft.step(about(job), step);
        let job = Job { state, updated_at: draft.context.now, ..job.clone() };
        draft.put(job.clone());
        Ok(DeadLetter::Job { job, attempt: None })
    }
}

/// Jobs that move no other row.
#[derive(Debug)]
pub(crate) struct StandaloneJobs;

impl JobRules for StandaloneJobs {}
