//! Make the slots of a schedule in a span of time.

use alloc::vec::Vec;
use core::ops::Range;

use super::about;
use crate::TenantId;
use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{ProductId, ScheduleId, SlotId};
use crate::limits::SCHEDULE_RECHECK;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Needs, Schedule, Slot, Subject};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult};

/// Makes the slots of one span as the schedule's rule has them. It takes effect once, whoever submits it how
/// often: it moves the schedule's mark from the start of the span to its end, under the schedule's lock.
#[derive(Clone, Debug)]
pub struct MakeSlots {
    pub tenant: TenantId,
    pub product: ProductId,
    pub schedule: ScheduleId,
    /// The schedule's revision, read before the blackouts and the slots were.
    pub revision: i64,
    /// Begins at the schedule's mark.
    pub span: Range<Timestamp>,
    /// All starts in the span, at most [`crate::limits::SLOTS_PER_STEP_MAX`]. Those in the past may be missing.
    pub starts: Vec<Timestamp>,
    /// The slots in the span that the schedule made before, as many at most.
    pub made: Vec<SlotId>,
    pub then: NextStep,
}

/// When the schedule is due after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// The span did not reach the horizon.
    AtOnce,
    /// The horizon was reached, as it was at this instant. It moves on.
    Later(Timestamp),
    /// The rule has no further start.
    Never,
}

impl Command for MakeSlots {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for start in &self.starts {
            rows.slot(SlotId::of(self.tenant, self.product, *start));
        }
        for slot in &self.made {
            rows.slot(*slot);
        }
        rows.schedule(self.schedule);
        rows.tenant(self.tenant);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let schedule = facts
            .schedules
            .get(self.schedule)
            .filter(|schedule| (schedule.tenant, schedule.product) == (self.tenant, self.product))
            .ok_or(Refusal::ScheduleNotFound)?;
        if schedule.revision != self.revision || schedule.made_until != self.span.start {
            return Err(Refusal::ChangedMeanwhile);
        }
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let is_over = facts.tenants.get(self.tenant).is_none_or(|tenant| tenant.archived_at.is_some());
        if is_over {
            draft.put(Schedule { due_at: None, ..schedule.clone() });
            return Ok(draft.reply(Reply::Swept(0)));
        }
        let changed = self.make(schedule, facts, &mut draft) + self.withdraw(schedule, facts, &mut draft);
        let due_at = match self.then {
            NextStep::AtOnce => schedule.due_at,
            NextStep::Later(at) => Some(at.plus(SCHEDULE_RECHECK)).filter(|_| schedule.active),
            NextStep::Never => None,
        };
        let made_until = self.span.end;
        let reached = schedule.reached.max(made_until);
        draft.put(Schedule { made_until, reached, due_at, ..schedule.clone() });
        Ok(draft.reply(Reply::Swept(changed)))
    }
}

impl MakeSlots {
    fn make(&self, schedule: &Schedule, facts: &Facts, draft: &mut Draft<'_>) -> usize {
        let now = draft.context.now;
        let mut starts = self.starts.clone();
        starts.sort_unstable();
        starts.dedup();
        let (mut made, mut changed) = (0, 0);
        for start in starts.into_iter().filter(|start| *start > now) {
            let id = SlotId::of(self.tenant, self.product, start);
            match facts.slots.get(id) {
                None if schedule.active => {
                    draft.put(new_slot(schedule, id, start, now));
                    made += 1;
                }
                None => {}
                Some(slot) => changed += usize::from(revise(schedule, slot, draft)),
            }
        }
        if made > 0 {
            draft.audit(about(schedule), "slots_made", None, None);
        }
        made + changed
    }

    /// Closes the schedule's slots that are not among the starts and have no seat taken.
    fn withdraw(&self, schedule: &Schedule, facts: &Facts, draft: &mut Draft<'_>) -> usize {
        let now = draft.context.now;
        let slots = self.made.iter().filter_map(|id| facts.slots.get(*id));
        let withdrawn = slots.filter(|slot| {
            let is_own = slot.schedule == Some(schedule.id) && self.span.contains(&slot.starts_at);
            let is_free = slot.held + slot.sold == 0 && !slot.closed;
            is_own && is_free && slot.starts_at > now && !self.starts.contains(&slot.starts_at)
        });
        let mut count = 0;
        for slot in withdrawn {
            draft.audit(about_slot(slot), "slot_withdrawn", Some("open"), Some("closed"));
            draft.put(Slot { closed: true, withdrawn: true, ..slot.clone() });
            count += 1;
        }
        count
    }
}

fn new_slot(schedule: &Schedule, id: SlotId, starts_at: Timestamp, now: Timestamp) -> Slot {
    Slot {
        id,
        tenant: schedule.tenant,
        product: schedule.product,
        starts_at,
        capacity: schedule.capacity,
        held: 0,
        sold: 0,
        closed: false,
        created_at: now,
        schedule: Some(schedule.id),
        withdrawn: false,
        allocations: None,
    }
}

/// A slot that exists at a start of the rule. Returns whether it changed.
fn revise(schedule: &Schedule, slot: &Slot, draft: &mut Draft<'_>) -> bool {
    // Another schedule has given it up.
    let is_taken_over = slot.withdrawn && schedule.active;
    if slot.schedule != Some(schedule.id) && !is_taken_over {
        return false;
    }
    let is_reopened = slot.withdrawn && schedule.active;
    let fits = schedule.capacity >= slot.held + slot.sold;
    let revised = Slot {
        capacity: if fits { schedule.capacity } else { slot.capacity },
        closed: slot.closed && !is_reopened,
        withdrawn: slot.withdrawn && !is_reopened,
        schedule: Some(schedule.id),
        ..slot.clone()
    };
    if revised == *slot {
        return false;
    }
    if is_reopened {
        draft.audit(about_slot(slot), "slot_reopened", Some("closed"), Some("open"));
    }
    if revised.capacity != slot.capacity {
        draft.audit(about_slot(slot), "slot_resized", None, None);
    }
    draft.put(revised);
    true
}

fn about_slot(slot: &Slot) -> About {
    About { tenant: slot.tenant, kind: Subject::Slot, id: slot.id.0 }
}
