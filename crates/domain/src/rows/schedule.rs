//! Schedules, by which departures are made ahead, and the days on which a product has none.
//!
//! Dates (`2026-07-01`) and times of day (`09:00`) are of the product's zone, and text: the wire has the
//! calendar and reads them.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::ids::{BlackoutId, ProductId, ScheduleId, TenantId};
use crate::time::Timestamp;
use crate::working_set::Json;

/// On which dates and at which times of day slots start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRule {
    /// The rule counts from this date on.
    pub first_date: String,
    /// The last date of the rule.
    pub last_date: Option<String>,
    /// RFC 5545, whole days only.
    pub rrule: String,
    /// Empty if there are opening hours.
    pub start_times: Vec<String>,
    pub opening_hours: Option<OpeningHours>,
    /// Dates besides those of the rule.
    pub extra_dates: Vec<String>,
    /// Dates without a start, whatever else names them.
    pub excepted_dates: Vec<String>,
}

/// Starts at `opens`, and again after each interval as long as that is before `closes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningHours {
    pub opens: String,
    /// `24:00` is the end of the day.
    pub closes: String,
    pub every_minutes: i64,
}

crate::row! {
    /// Makes the slots of a product ahead. Its slots up to `made_until` are as the rule of this `revision`
    /// has them. A change begins again at the moment of the change.
    Schedule in "schedules" as lock {
        key id: ScheduleId,
        fixed tenant: TenantId,
        fixed product: ProductId,
        moves rule: Json<ScheduleRule>,
        /// The seats of each slot.
        moves capacity: i64,
        /// How far ahead slots are made.
        moves horizon_days: i64,
        /// Otherwise no slot is made. Those that are made stay.
        moves active: bool,
        /// Counts the changes of people.
        guard version: i64,
        /// Counts what changes the starts: the changes of people, and blackouts of the product.
        guard revision: i64,
        guard made_until: Timestamp,
        /// No slot that it ever made is later.
        moves reached: Timestamp,
        /// When to make slots again. `None`: never, unless it is changed.
        moves due_at: Option<Timestamp>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}

crate::row! {
    /// A period in which no schedule of the product makes a slot.
    Blackout in "blackouts" as read {
        key id: BlackoutId,
        fixed tenant: TenantId,
        fixed product: ProductId,
        fixed first_date: String,
        /// Included.
        fixed last_date: String,
        fixed reason: String,
        fixed created_at: Timestamp,
        guard ended_at: Option<Timestamp>,
    }
}

impl Schedule {
    /// The schedule after a change of what it makes: all that has not started is looked at again.
    pub(crate) fn revised(&self, now: Timestamp) -> Schedule {
        Schedule {
            revision: self.revision + 1,
            made_until: now,
            due_at: Some(now),
            updated_at: now,
            ..self.clone()
        }
    }

    /// Whether the slots do not follow the last change yet.
    pub fn is_behind(&self) -> bool {
        self.due_at.is_some_and(|due| due <= self.updated_at)
    }
}
