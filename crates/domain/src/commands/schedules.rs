//! Schedules: commands that create and change them, make their slots, and block days out.
//!
//! Who knows the calendar computes the starts, from a revision of the schedule and the blackouts of its
//! product. The command has the starts and that revision, and is refused if it has moved on.
//!
//! A change writes one row, the schedule's, and sets its mark back to now. [`MakeSlots`] then goes through
//! all that has not started, a bounded number of slots at a time:
//!
//! | the slot | the rule has the start | the rule does not have it |
//! |---|---|---|
//! | does not exist | it is made | |
//! | was made by the schedule, no seat taken | it gets the capacity | it is closed and `withdrawn` |
//! | was made by the schedule, seats taken | it gets the capacity, if its seats fit | it stays |
//! | was withdrawn | it opens again | it stays closed |
//! | was added by a person, or made by another schedule | it stays | it stays |

mod add_blackout;
mod change_schedule;
mod create_schedule;
mod end_blackout;
mod make_slots;

pub use add_blackout::AddBlackout;
pub use change_schedule::ChangeSchedule;
pub use create_schedule::CreateSchedule;
pub use end_blackout::EndBlackout;
pub use make_slots::{MakeSlots, NextStep};

use alloc::vec::Vec;

use crate::commands::catalogue::product_at;
use crate::commands::draft::{About, Draft};
use crate::ids::{ProductId, ScheduleId, SlotId, TenantId};
use crate::refusal::Refusal;
use crate::reply::SlotsWithBookings;
use crate::rows::{Facts, Needs, Product, Schedule, Subject};

fn about(schedule: &Schedule) -> About {
    About { tenant: schedule.tenant, kind: Subject::Schedule, id: schedule.id.0 }
}

/// Slots with bookings that a change leaves as they are, found by a query.
#[derive(Clone, Debug, Default)]
pub struct BookedSlots {
    /// At most [`crate::limits::SLOTS_WITH_BOOKINGS_MAX`]. Under their locks it is seen whether they still
    /// have bookings.
    pub listed: Vec<SlotId>,
    /// How many more there are.
    pub others: i64,
}

impl BookedSlots {
    fn need(&self, rows: &mut Needs<'_>) {
        for slot in &self.listed {
            rows.slot(*slot);
        }
    }

    fn under_lock(&self, facts: &Facts, draft: &Draft<'_>) -> SlotsWithBookings {
        let listed = self.listed.iter().filter_map(|id| facts.slots.get(*id));
        let slots: Vec<_> = listed
            .filter(|slot| slot.held + slot.sold > 0 && slot.starts_at > draft.context.now)
            .cloned()
            .collect();
        SlotsWithBookings { count: slots.len() as i64 + self.others, slots }
    }
}

/// A product with all its schedules, as a query found them.
#[derive(Clone, Debug)]
pub struct ProductSchedules {
    pub tenant: TenantId,
    pub product: ProductId,
    /// The product's version, read before the schedules were: a new schedule raises it.
    pub version: i64,
    pub schedules: Vec<ScheduleId>,
}

impl ProductSchedules {
    fn need(&self, rows: &mut Needs<'_>) {
        for schedule in &self.schedules {
            rows.schedule(*schedule);
        }
        rows.product(self.product);
    }

    fn find<'facts>(&self, facts: &'facts Facts) -> Result<&'facts Product, Refusal> {
        product_at(facts, self.tenant, self.product, self.version)
    }

    /// Raises the product's version, and has all that has not started looked at again.
    fn revise(&self, facts: &Facts, product: &Product, draft: &mut Draft<'_>) {
        let now = draft.context.now;
        for schedule in self.schedules.iter().filter_map(|id| facts.schedules.get(*id)) {
            draft.put(schedule.revised(now));
        }
        draft.put(raised(product));
    }
}

fn raised(product: &Product) -> Product {
    Product { version: product.version + 1, ..product.clone() }
}
