//! Claim jobs: a worker takes them under its lease.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use super::{JobLease, RUNNING_GIVES_UP, give_up_job};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{JobId, TenantId};
use crate::jobs::JobKinds;
use crate::lifecycle::job;
use crate::reply::{ClaimedJob, Reply};
use crate::rows::{Actor, Facts, Job, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// Claims jobs that a query found due. Jobs that another worker claimed first, and jobs of kinds that only a
/// newer version knows, are left out.
#[derive(Clone, Debug)]
pub struct ClaimJobs {
    pub jobs: Vec<JobId>,
    pub kinds: JobKinds,
    pub lease: JobLease,
    /// No other process can work on this database: a lease of another worker belongs to a dead
    /// process, and its job is taken over before the lease lapses.
    pub alone: bool,
}

impl ClaimJobs {
    fn claim(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) -> Option<ClaimedJob> {
        let now = draft.context.now;
        let lapsed = job.lease_until.is_some_and(|until| until <= now);
        let orphaned = self.alone && job.worker != Some(self.lease.worker);
        let step = match *job.state {
            job::State::Ready if job.due_at <= now => {
                const { job::step(job::State::Ready, job::Event::Claim) }
            }
            job::State::Running if lapsed || orphaned => {
                const { job::step(job::State::Running, job::Event::TakeOver) }
            }
            job::State::Ready | job::State::Running | job::State::Done | job::State::Dead => return None,
        };
        let kind = self.kinds.of(job)?;
        let until = now.plus(self.lease.span);
        let job = Job {
            state: step.to(),
            token: job.token + 1,
            worker: Some(self.lease.worker),
            lease_until: Some(until),
            due_at: until,
            attempts: job.attempts + 1,
            updated_at: now,
            ..job.clone()
        };
        let claimed = kind.rules.claimed(facts, job.clone())?;
        if job.attempts > kind.attempts_max {
            let why = job.last_error.clone().unwrap_or_else(|| kind.dead_letter.to_owned());
            give_up_job(draft, job.clone(), RUNNING_GIVES_UP, why);
            kind.rules.given_up(draft, facts, &job);
            return None;
        }
        draft.put(job);
        Some(claimed)
    }
}

impl Command for ClaimJobs {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let mut complete = Some(());
        for id in &self.jobs {
            let Some(job) = rows.job(*id) else {
                complete = None;
                continue;
            };
            let Some(kind) = self.kinds.of(job) else { continue };
            let last = job.attempts >= kind.attempts_max;
            if kind.rules.needs_of_claim(rows, job, last).is_none() {
                complete = None;
            }
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut claimed = Vec::new();
        for job in self.jobs.iter().filter_map(|id| facts.jobs.get(*id)) {
            claimed.extend(self.claim(&mut draft, facts, job));
        }
        Ok(draft.reply(Reply::Claimed(claimed)))
    }
}
