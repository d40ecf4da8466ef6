//! From the rule of a schedule to the instants at which its slots start.
//!
//! | step | in | what |
//! |---|---|---|
//! | dates | local dates, without a zone | RFC 5545's rule, with extra dates, without excepted ones and blackouts |
//! | starts | local times of each date | the listed ones, or those that opening hours have |
//! | instants | the zone of the product | each local time where it is |
//!
//! A local time that a clock change skips is moved on by the length of the gap: 02:30 becomes 03:30 where the
//! clock goes from 02:00 to 03:00. One that comes twice is the first. So says RFC 5545 section 3.3.5. Two
//! local times that fall on one instant are one start.
//!
//! What must never be here: the present time, or a machine's own zone.

mod dates;
mod times;

use std::collections::BTreeSet;
use std::ops::Range;

use domain::Timestamp;
use domain::rows::{Blackout, ScheduleRule};
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::time;
pub use dates::check_rrule;
pub(crate) use times::{closing_minute, minute_of_day, opening_times};

/// A schedule's rule that was read.
pub struct Recurrence {
    dates: dates::Dates,
    extra: BTreeSet<Date>,
    excepted: BTreeSet<Date>,
    times: Vec<Time>,
    zone: TimeZone,
}

/// A local time can be on another date of the zone by a gap, and the longest gap is a day.
const GAP_DAYS: i64 = 2;

impl Recurrence {
    /// `None` if this version cannot read the rule, which the checks of a request let nobody store.
    pub fn of(rule: &ScheduleRule, zone_name: &str) -> Option<Recurrence> {
        let date = |text: &String| text.parse::<Date>().ok();
        let times = match &rule.opening_hours {
            Some(hours) => opening_times(&hours.opens, &hours.closes, hours.every_minutes)?,
            None => rule.start_times.iter().map(|text| minute_of_day(text)).collect::<Option<_>>()?,
        };
        Some(Recurrence {
            dates: dates::Dates::of(
                &rule.rrule,
                date(&rule.first_date)?,
                rule.last_date.as_ref().map_or(Some(Date::MAX), date)?,
            )?,
            extra: rule.extra_dates.iter().map(date).collect::<Option<_>>()?,
            excepted: rule.excepted_dates.iter().map(date).collect::<Option<_>>()?,
            times: times.into_iter().map(times::at).collect(),
            zone: time::zone(zone_name)?,
        })
    }

    /// The starts within the span, in order, each once.
    pub fn starts(&self, blackouts: &[Blackout], span: Range<Timestamp>) -> Vec<Timestamp> {
        let blocked: Vec<(Date, Date)> = blackouts
            .iter()
            .filter_map(|one| Some((one.first_date.parse().ok()?, one.last_date.parse().ok()?)))
            .collect();
        let is_blocked = |date: &Date| blocked.iter().any(|(first, last)| (first..=last).contains(&date));
        let local = |at: Timestamp| time::instant(at).to_zoned(self.zone.clone()).date();
        let from = local(span.start).saturating_sub(GAP_DAYS.days());
        let to = local(span.end).saturating_add(GAP_DAYS.days());
        let mut starts = BTreeSet::new();
        for date in self.dates(from, to).iter().filter(|date| !is_blocked(date)) {
            starts.extend(self.times.iter().filter_map(|time| self.instant(*date, *time)));
        }
        starts.range(span).copied().collect()
    }

    /// Whether no start is later.
    pub fn is_over(&self, at: Timestamp) -> bool {
        let date = time::instant(at).to_zoned(self.zone.clone()).date().saturating_sub(GAP_DAYS.days());
        self.dates.last < date && self.extra.last().is_none_or(|last| *last < date)
    }

    /// Both ends included.
    fn dates(&self, from: Date, to: Date) -> BTreeSet<Date> {
        let mut dates = self.dates.between(from, to);
        dates.extend(self.extra.iter().filter(|date| (from..=to).contains(date)));
        dates.retain(|date| !self.excepted.contains(date));
        dates
    }

    /// `None` beyond the end of the calendar.
    fn instant(&self, date: Date, at: Time) -> Option<Timestamp> {
        let local = self.zone.to_ambiguous_timestamp(date.to_datetime(at));
        local.compatible().ok().map(time::timestamp)
    }
}

#[cfg(test)]
mod tests;
