//! Makes the slots of schedules ahead.
//!
//! | what happens | what follows |
//! |---|---|
//! | two servers make the same slots | the second command is refused, because the first has moved the mark |
//! | a server dies half way | the schedule is still due, and its mark says how far it came |
//! | the schedule or a blackout changes meanwhile | the command is refused, because the revision has moved |
//! | no server ran for a long time | the next one makes what has not started yet |
//!
//! What must never be here: a decision on a slot. The command decides under the locks.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use api::recurrence::Recurrence;
use domain::commands::{MakeSlots, NextStep};
use domain::limits::{
    BEYOND_HORIZON, HORIZON_DAYS_MAX, SLOTS_PER_STEP_MAX, SLOTS_WITH_BOOKINGS_MAX, STARTS_PER_DAY_MAX,
};
use domain::rows::{Blackout, Product, Schedule, Slot};
use domain::time::{DAY, Span};
use domain::{Timestamp, commands::BookedSlots};
use store::queries::DueSchedule;
use store::{Clock, CommandResult, Store, Unavailable};
use tokio::sync::watch;
use tracing::warn;

use crate::timers::rest;

const SWEEP: Duration = Duration::from_secs(1);
/// Schedules per sweep.
const SCHEDULES_MAX: usize = 256;
/// Commands for one schedule before the next one has its turn.
const STEPS_MAX: usize = 40;
/// The database's clock may be behind ours, and the command skips what has started.
const CLOCKS_DIFFER_MAX: Span = DAY;

/// More than the horizon has room for.
const BOOKED_SLOTS_MAX: usize = 2 * HORIZON_DAYS_MAX as usize * STARTS_PER_DAY_MAX;

/// Makes the slots that are due, until `stop`.
pub async fn make_due_slots(store: Store, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match store.due_schedules(clock.now(), SCHEDULES_MAX).await {
            Ok(due) => {
                for schedule in due {
                    if *stop.borrow() {
                        return;
                    }
                    if let Err(error) = make_slots(&store, clock.now(), schedule).await {
                        warn!(schedule = %schedule.id, %error, "slots were not made; trying again soon");
                    }
                }
            }
            Err(error) => warn!(%error, "due schedules could not be read"),
        }
        rest(SWEEP, &mut stop).await;
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Query(#[from] store::Error),
    #[error("{0}")]
    Command(#[from] Unavailable),
    #[error("this version cannot read its rule")]
    Unreadable,
}

/// A schedule with what its starts follow from.
pub struct KnownSchedule {
    pub schedule: Schedule,
    pub product: Product,
    pub blackouts: Vec<Blackout>,
}

impl KnownSchedule {
    /// The schedule is read first: its revision rises with each blackout that is added or ended, so a command
    /// over older blackouts is refused.
    pub async fn load(store: &Store, due: DueSchedule) -> Result<Option<KnownSchedule>, store::Error> {
        let Some(schedule) = store.schedule(due.tenant, due.id).await? else { return Ok(None) };
        let Some(product) = store.product(due.tenant, schedule.product).await? else { return Ok(None) };
        let blackouts = store.blackouts_in_force(due.tenant, schedule.product).await?;
        Ok(Some(KnownSchedule { schedule, product, blackouts }))
    }

    fn recurrence(&self) -> Result<Recurrence, Error> {
        Recurrence::of(&self.schedule.rule.0, &self.product.time_zone).ok_or(Error::Unreadable)
    }

    /// The slots from now on that have bookings, and that the schedule would not make like this.
    pub async fn slots_with_bookings(&self, store: &Store, now: Timestamp) -> Result<Vec<Slot>, Error> {
        let schedule = &self.schedule;
        let booked =
            store.booked_slots_of_schedule(schedule.tenant, schedule.id, now, BOOKED_SLOTS_MAX).await?;
        let Some(last) = booked.last() else { return Ok(booked) };
        let starts = self.recurrence()?.starts(&self.blackouts, now..last.starts_at.plus(Span(1)));
        let is_as_made = |slot: &Slot| {
            starts.binary_search(&slot.starts_at).is_ok() && slot.held + slot.sold <= schedule.capacity
        };
        Ok(booked.into_iter().filter(|slot| !is_as_made(slot)).collect())
    }
}

/// The first slots by id, and the number of the others.
pub fn booked(slots: &[Slot]) -> BookedSlots {
    let listed: Vec<_> = slots.iter().take(SLOTS_WITH_BOOKINGS_MAX).map(|slot| slot.id).collect();
    BookedSlots { others: (slots.len() - listed.len()) as i64, listed }
}

/// Makes the slots of one schedule until its horizon, or as many as one turn has.
pub async fn make_slots(store: &Store, now: Timestamp, due: DueSchedule) -> Result<(), Error> {
    let Some(known) = KnownSchedule::load(store, due).await? else { return Ok(()) };
    let recurrence = known.recurrence()?;
    let end = end_of_work(&known.schedule, now);
    let mut mark = known.schedule.made_until;
    // What has started is not made, however long no server ran.
    let from = mark.max(now.minus(CLOCKS_DIFFER_MAX)).min(end);
    let starts = recurrence.starts(&known.blackouts, from..end);
    let mut rest = &starts[..];
    for _ in 0..STEPS_MAX {
        let step = next_step(store, &known.schedule, mark, end, rest).await?;
        let (these, later) = rest.split_at(rest.partition_point(|start| *start < step.end));
        let is_last = step.end >= end;
        let then = match is_last {
            false => NextStep::AtOnce,
            true if recurrence.is_over(end) => NextStep::Never,
            true => NextStep::Later(now),
        };
        let command = MakeSlots {
            tenant: due.tenant,
            product: known.product.id,
            schedule: due.id,
            revision: known.schedule.revision,
            span: mark..step.end,
            starts: these.to_vec(),
            made: step.made,
            then,
        };
        let answer = store.submit(Box::new(command)).await?;
        // Somebody else has made them, or what is made has changed.
        if is_last || matches!(answer, CommandResult::Refused { .. }) {
            return Ok(());
        }
        (mark, rest) = (step.end, later);
    }
    Ok(())
}

/// The horizon, and whatever was made beyond it before. A schedule that is paused makes nothing, but what it
/// has made follows its last change.
fn end_of_work(schedule: &Schedule, now: Timestamp) -> Timestamp {
    let horizon = now.plus(Span(DAY.0.saturating_mul(schedule.horizon_days))).plus(BEYOND_HORIZON);
    let ahead = if schedule.active { horizon } else { schedule.reached };
    ahead.max(schedule.reached).max(schedule.made_until)
}

struct Step {
    end: Timestamp,
    made: Vec<domain::SlotId>,
}

/// The longest span from the mark on that has neither too many starts nor too many slots.
async fn next_step(
    store: &Store,
    schedule: &Schedule,
    mark: Timestamp,
    end: Timestamp,
    starts: &[Timestamp],
) -> Result<Step, store::Error> {
    let end = starts.get(SLOTS_PER_STEP_MAX).copied().unwrap_or(end);
    let span: Range<Timestamp> = mark..end;
    let mut made =
        store.slots_of_schedule(schedule.tenant, schedule.id, span, SLOTS_PER_STEP_MAX + 1).await?;
    let end = made.get(SLOTS_PER_STEP_MAX).map_or(end, |slot| slot.starts_at);
    made.truncate(SLOTS_PER_STEP_MAX);
    Ok(Step { end, made: made.into_iter().map(|slot| slot.id).collect() })
}
