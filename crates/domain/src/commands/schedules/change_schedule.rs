//! Change a schedule.

use alloc::boxed::Box;

use super::{BookedSlots, about};
use crate::TenantId;
use crate::commands::draft::{Draft, Origin};
use crate::ids::ScheduleId;
use crate::refusal::Refusal;
use crate::reply::{Reply, ScheduleReply};
use crate::rows::{Actor, Facts, Needs, Schedule, ScheduleRule};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// A field that is `None` stays as it is. The slots follow later, by [`super::MakeSlots`].
#[derive(Clone, Debug)]
pub struct ChangeSchedule {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub schedule: ScheduleId,
    pub rule: Option<ScheduleRule>,
    pub capacity: Option<i64>,
    pub horizon_days: Option<i64>,
    pub active: Option<bool>,
    /// The version that the change was decided from, if the request says it.
    pub version: Option<i64>,
    /// The schedule's revision when a query found `booked`.
    pub revision: i64,
    /// The slots that the schedule would no longer have like this, and that have bookings.
    pub booked: BookedSlots,
}

impl Command for ChangeSchedule {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        self.booked.need(rows);
        let schedule = rows.schedule(self.schedule)?;
        rows.product(schedule.product);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let schedule = facts
            .schedules
            .get(self.schedule)
            .filter(|schedule| schedule.tenant == self.tenant)
            .ok_or(Refusal::ScheduleNotFound)?;
        let product = facts.products.get(schedule.product).ok_or(Refusal::ScheduleNotFound)?;
        let is_outdated = self.version.is_some_and(|version| version != schedule.version);
        if is_outdated || schedule.revision != self.revision {
            return Err(Refusal::ChangedMeanwhile);
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let schedule = Schedule {
            rule: self.rule.clone().map_or_else(|| schedule.rule.clone(), Json),
            capacity: self.capacity.unwrap_or(schedule.capacity),
            horizon_days: self.horizon_days.unwrap_or(schedule.horizon_days),
            active: self.active.unwrap_or(schedule.active),
            version: schedule.version + 1,
            ..schedule.revised(context.now)
        };
        let kept = Some(self.booked.under_lock(facts, &draft));
        draft.audit(about(&schedule), "schedule_changed", None, None);
        draft.put(schedule.clone());
        let reply = ScheduleReply { schedule, time_zone: product.time_zone.clone(), kept };
        Ok(draft.reply(Reply::Schedule(Box::new(reply))))
    }
}
