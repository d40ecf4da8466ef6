//! Create a schedule.

use alloc::boxed::Box;

use super::{ProductSchedules, about, raised};
use crate::commands::draft::{Draft, Origin};
use crate::limits::SCHEDULES_PER_PRODUCT_MAX;
use crate::refusal::Refusal;
use crate::reply::{Reply, ScheduleReply};
use crate::rows::{Actor, Facts, Needs, Schedule, ScheduleRule};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};
use crate::{TenantId, rows};

/// Creates a schedule. Its slots are made later, by [`super::MakeSlots`].
#[derive(Clone, Debug)]
pub struct CreateSchedule {
    pub claim: Option<Claim>,
    pub by: Actor,
    pub of: ProductSchedules,
    /// The request's checks have read it.
    pub rule: ScheduleRule,
    /// From 1 to [`crate::limits::CAPACITY_MAX`].
    pub capacity: i64,
    /// From 1 to [`crate::limits::HORIZON_DAYS_MAX`].
    pub horizon_days: i64,
    pub active: bool,
}

impl Command for CreateSchedule {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.of.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.product(self.of.product);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let product: &rows::Product = self.of.find(facts)?;
        if self.of.schedules.len() >= SCHEDULES_PER_PRODUCT_MAX {
            return Err(Refusal::TooManySchedules { limit: SCHEDULES_PER_PRODUCT_MAX });
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let schedule = Schedule {
            id: match &self.claim {
                Some(claim) => draft.id_under(claim.key),
                None => draft.id(),
            },
            tenant: product.tenant,
            product: product.id,
            rule: Json(self.rule.clone()),
            capacity: self.capacity,
            horizon_days: self.horizon_days,
            active: self.active,
            version: 1,
            revision: 1,
            made_until: context.now,
            reached: context.now,
            due_at: self.active.then_some(context.now),
            created_at: context.now,
            updated_at: context.now,
        };
        draft.put(raised(product));
        draft.audit(about(&schedule), "schedule_created", None, None);
        draft.put(schedule.clone());
        let reply = ScheduleReply { schedule, time_zone: product.time_zone.clone(), kept: None };
        Ok(draft.reply(Reply::Schedule(Box::new(reply))))
    }
}
