//! A schedule, the slots that a change of it leaves as they are, and a blackout.

use domain::reply::{BlackoutReply, ScheduleReply, SlotsWithBookings};
use domain::rows;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time;

/// Makes the slots of a product ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    pub id: Uuid,
    pub product_id: Uuid,
    /// IANA zone of the product, in which dates and times are.
    #[schema(example = "Europe/Lisbon")]
    pub time_zone: String,
    pub rule: ScheduleRule,
    /// Seats of each slot.
    pub capacity: i64,
    /// How many days ahead slots are made.
    pub horizon_days: i64,
    /// Otherwise it makes no slots.
    pub active: bool,
    /// Rises with each change.
    pub version: i64,
    /// The slots up to here are as the rule has them.
    pub made_until: jiff::Timestamp,
    /// Whether slots are still being made or revised after the last change.
    pub slots_in_progress: bool,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

/// On which dates and at which times slots start, in the local time of the product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleRule {
    #[schema(value_type = String, format = Date, example = "2026-07-01")]
    pub first_date: String,
    #[schema(value_type = Option<String>, format = Date, example = "2026-09-30")]
    pub last_date: Option<String>,
    #[schema(example = "FREQ=WEEKLY;BYDAY=MO,WE")]
    pub rrule: String,
    /// Empty if there are opening hours.
    pub start_times: Vec<String>,
    pub opening_hours: Option<OpeningHours>,
    /// Dates besides those of the rule.
    pub extra_dates: Vec<String>,
    /// Dates without a start, whatever else names them.
    pub excepted_dates: Vec<String>,
}

/// The first start is at `opens`. Others follow after each interval, as long as that is before `closes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpeningHours {
    pub opens: String,
    pub closes: String,
    pub every_minutes: i64,
}

/// A schedule with the slots that it would not have like this, and that stay because they have bookings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleDetail {
    pub schedule: Schedule,
    /// The first of them: slots that the rule no longer makes, or whose capacity is another because more
    /// seats are taken than the schedule has.
    pub slots_with_bookings: Vec<SlotWithBookings>,
    /// How many there are.
    pub slots_with_bookings_count: i64,
}

/// A slot that stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SlotWithBookings {
    pub slot_id: Uuid,
    pub starts_at: jiff::Timestamp,
    /// The local time of the place, without offset.
    #[schema(value_type = String, example = "2026-07-01T11:00:00")]
    pub local_starts_at: DateTime,
    pub capacity: i64,
    /// Seats that are held or sold.
    pub seats_taken: i64,
}

/// A period in which no schedule of the product makes a slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Blackout {
    pub id: Uuid,
    pub product_id: Uuid,
    #[schema(value_type = String, format = Date, example = "2026-08-10")]
    pub first_date: String,
    /// Included.
    #[schema(value_type = String, format = Date, example = "2026-08-14")]
    pub last_date: String,
    pub reason: String,
    pub created_at: jiff::Timestamp,
    /// `null` while it is in force.
    pub ended_at: Option<jiff::Timestamp>,
}

/// A blackout with the slots in it that stay because they have bookings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlackoutDetail {
    pub blackout: Blackout,
    /// The first of them.
    pub slots_with_bookings: Vec<SlotWithBookings>,
    /// How many there are.
    pub slots_with_bookings_count: i64,
}

impl Schedule {
    pub fn of(schedule: &rows::Schedule, time_zone: &str) -> Schedule {
        Schedule {
            id: schedule.id.0,
            product_id: schedule.product.0,
            time_zone: time_zone.to_owned(),
            rule: ScheduleRule::of(&schedule.rule.0),
            capacity: schedule.capacity,
            horizon_days: schedule.horizon_days,
            active: schedule.active,
            version: schedule.version,
            made_until: time::instant(schedule.made_until),
            slots_in_progress: schedule.is_behind(),
            created_at: time::instant(schedule.created_at),
            updated_at: time::instant(schedule.updated_at),
        }
    }
}

impl ScheduleRule {
    fn of(rule: &rows::ScheduleRule) -> ScheduleRule {
        let hours = |hours: &rows::OpeningHours| OpeningHours {
            opens: hours.opens.clone(),
            closes: hours.closes.clone(),
            every_minutes: hours.every_minutes,
        };
        ScheduleRule {
            first_date: rule.first_date.clone(),
            last_date: rule.last_date.clone(),
            rrule: rule.rrule.clone(),
            start_times: rule.start_times.clone(),
            opening_hours: rule.opening_hours.as_ref().map(hours),
            extra_dates: rule.extra_dates.clone(),
            excepted_dates: rule.excepted_dates.clone(),
        }
    }
}

impl ScheduleDetail {
    pub fn of(schedule: &rows::Schedule, time_zone: &str, kept: &SlotsWithBookings) -> ScheduleDetail {
        ScheduleDetail {
            schedule: Schedule::of(schedule, time_zone),
            slots_with_bookings: slots(kept, time_zone),
            slots_with_bookings_count: kept.count,
        }
    }

    pub(crate) fn of_reply(reply: &ScheduleReply, kept: &SlotsWithBookings) -> ScheduleDetail {
        ScheduleDetail::of(&reply.schedule, &reply.time_zone, kept)
    }
}

fn slots(kept: &SlotsWithBookings, time_zone: &str) -> Vec<SlotWithBookings> {
    let view = |slot: &rows::Slot| SlotWithBookings {
        slot_id: slot.id.0,
        starts_at: time::instant(slot.starts_at),
        local_starts_at: time::local(slot.starts_at, time_zone),
        capacity: slot.capacity,
        seats_taken: slot.held + slot.sold,
    };
    kept.slots.iter().map(view).collect()
}

impl Blackout {
    pub fn of(blackout: &rows::Blackout) -> Blackout {
        Blackout {
            id: blackout.id.0,
            product_id: blackout.product.0,
            first_date: blackout.first_date.clone(),
            last_date: blackout.last_date.clone(),
            reason: blackout.reason.clone(),
            created_at: time::instant(blackout.created_at),
            ended_at: blackout.ended_at.map(time::instant),
        }
    }
}

impl BlackoutDetail {
    pub(crate) fn of(reply: &BlackoutReply, kept: &SlotsWithBookings) -> BlackoutDetail {
        BlackoutDetail {
            blackout: Blackout::of(&reply.blackout),
            slots_with_bookings: slots(kept, &reply.time_zone),
            slots_with_bookings_count: kept.count,
        }
    }
}
