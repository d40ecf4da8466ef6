//! Prune events and jobs that have ended.

use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::ids::{EventId, JobId, TenantId};
use crate::lifecycle::{inbound_event, job};
use crate::reply::Reply;
use crate::rows::{Actor, Facts, InboundEvent, Job, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// At most [`crate::limits::IDS_PER_COMMAND_MAX`] of both together.
#[derive(Clone, Debug)]
pub struct PruneWork {
    pub events: Vec<EventId>,
    pub jobs: Vec<JobId>,
    /// The retention after the end, by the clock that stamped the row. It is longer than any
    /// provider repeats or lists an event, because an event without a row is processed again.
    pub kept: Span,
}

impl Command for PruneWork {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for event in &self.events {
            rows.inbound_event(*event);
        }
        for job in &self.jobs {
            rows.job(*job);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let ended_before = context.now.minus(self.kept);
        let mut pruned = 0;
        for event in self.events.iter().filter_map(|id| facts.inbound_events.get(*id)) {
            let ended =
                matches!(*event.state, inbound_event::State::Processed | inbound_event::State::Ignored);
            if ended && event.processed_at.is_some_and(|at| at < ended_before) {
                pruned += 1;
                draft.remove::<InboundEvent>(event.id);
            }
        }
        for job in self.jobs.iter().filter_map(|id| facts.jobs.get(*id)) {
            if job.state.is(job::State::Done) && job.updated_at < ended_before {
                pruned += 1;
                draft.remove::<Job>(job.id);
            }
        }
        Ok(draft.reply(Reply::Swept(pruned)))
    }
}
