//! Requests about schedules and blackouts.

use std::collections::BTreeSet;

use domain::limits::{CAPACITY_MAX, HORIZON_DAYS, HORIZON_DAYS_MAX, SCHEDULE_DATES_MAX, STARTS_PER_DAY_MAX};
use domain::rows;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Request;
use crate::limits::{
    EVERY_MINUTES_MAX, EVERY_MINUTES_MIN, REASON_CHARS_MAX, RRULE_CHARS_MAX, SCHEDULE_YEARS,
};
use crate::recurrence::{check_rrule, closing_minute, minute_of_day, opening_times};
use crate::validation_errors::ValidationErrors;

/// Creates a schedule, which makes the slots of a product ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    pub rule: NewScheduleRule,
    /// Seats of each slot.
    pub capacity: i64,
    /// How many days ahead slots are made.
    #[serde(default = "horizon")]
    #[schema(default = 90)]
    pub horizon_days: i64,
    /// `false`: it makes no slots until it is activated.
    #[serde(default = "active")]
    #[schema(default = true)]
    pub active: bool,
}

/// On which dates and at which times slots start, in the local time of the product. It needs either
/// `start_times` or `opening_hours`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScheduleRule {
    /// The rule counts from this date on. The date itself has starts only if it fits the rule.
    #[schema(example = "2026-07-01")]
    pub first_date: Date,
    /// The last date of the rule; without it the rule has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-09-30")]
    pub last_date: Option<Date>,
    /// A recurrence rule of RFC 5545 whose FREQ is DAILY, WEEKLY, MONTHLY or YEARLY. It has no UNTIL, because
    /// `last_date` says it, and no time of day.
    #[schema(example = "FREQ=WEEKLY;BYDAY=MO,WE")]
    pub rrule: String,
    /// Times of day, such as `09:00`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_times: Vec<String>,
    /// Starts at a regular interval, in place of `start_times`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening_hours: Option<NewOpeningHours>,
    /// Dates besides those of the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_dates: Vec<Date>,
    /// Dates without a start, whatever else names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excepted_dates: Vec<Date>,
}

/// The first start is at `opens`. Others follow after each interval, as long as that is before `closes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOpeningHours {
    #[schema(example = "09:00")]
    pub opens: String,
    /// Later on the same date; `24:00` is its end.
    #[schema(example = "17:00")]
    pub closes: String,
    #[schema(example = 30)]
    pub every_minutes: i64,
}

/// Changes a schedule; absent members stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedSchedule {
    /// Replaces the whole rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<NewScheduleRule>,
    /// Seats of each slot. A slot with more seats taken keeps its capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<i64>,
    /// How many days ahead slots are made. Slots beyond it that are made already stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_days: Option<i64>,
    /// `false`: it makes no more slots. Those that are made stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The `version` that the change was decided from. If the schedule has another one, it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Blocks days of a product out: no schedule makes a slot on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBlackout {
    #[schema(example = "2026-08-10")]
    pub first_date: Date,
    /// Included; the first date alone if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-08-14")]
    pub last_date: Option<Date>,
    #[schema(example = "The boat is in the dry dock.")]
    pub reason: String,
}

fn horizon() -> i64 {
    HORIZON_DAYS
}

fn active() -> bool {
    true
}

impl Request for NewSchedule {
    fn check(&self, findings: &mut ValidationErrors) {
        self.rule.check(findings);
        findings.between("/capacity", self.capacity, 1, CAPACITY_MAX);
        findings.between("/horizon_days", self.horizon_days, 1, HORIZON_DAYS_MAX);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        self.rule.check_together(findings);
    }
}

impl Request for ChangedSchedule {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(rule) = &self.rule {
            rule.check(findings);
        }
        if let Some(capacity) = self.capacity {
            findings.between("/capacity", capacity, 1, CAPACITY_MAX);
        }
        if let Some(days) = self.horizon_days {
            findings.between("/horizon_days", days, 1, HORIZON_DAYS_MAX);
        }
        if let Some(version) = self.version
            && version < 1
        {
            findings.add("/version", "must be at least 1");
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if let Some(rule) = &self.rule {
            rule.check_together(findings);
        }
    }
}

impl Request for NewBlackout {
    fn check(&self, findings: &mut ValidationErrors) {
        year(findings, "/first_date", self.first_date);
        if let Some(last) = self.last_date {
            year(findings, "/last_date", last);
        }
        findings.line("/reason", &self.reason, REASON_CHARS_MAX);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        in_order(findings, "/last_date", self.first_date, self.last_date);
    }
}

impl NewScheduleRule {
    fn check(&self, findings: &mut ValidationErrors) {
        year(findings, "/rule/first_date", self.first_date);
        if let Some(last) = self.last_date {
            year(findings, "/rule/last_date", last);
        }
        findings.visible("/rule/rrule", &self.rrule, RRULE_CHARS_MAX);
        if self.start_times.len() > STARTS_PER_DAY_MAX {
            findings.count("/rule/start_times", self.start_times.len(), STARTS_PER_DAY_MAX, "time");
        }
        let mut seen = BTreeSet::new();
        for (index, text) in self.start_times.iter().enumerate().take(STARTS_PER_DAY_MAX) {
            let pointer = format!("/rule/start_times/{index}");
            if minute_of_day(text).is_none() {
                findings.add(pointer, "must be a time of day, such as 09:00");
            } else if !seen.insert(text) {
                findings.add(pointer, "is named twice");
            }
        }
        if let Some(hours) = &self.opening_hours {
            hours.check(findings);
        }
        dates(findings, "/rule/extra_dates", &self.extra_dates);
        dates(findings, "/rule/excepted_dates", &self.excepted_dates);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        in_order(findings, "/rule/last_date", self.first_date, self.last_date);
        if self.start_times.is_empty() == self.opening_hours.is_none() {
            findings.add("/rule/start_times", "must be given, or else opening_hours");
        }
        let is_readable = SCHEDULE_YEARS.contains(&self.first_date.year())
            && self.rrule.len() <= RRULE_CHARS_MAX
            && self.rrule.bytes().all(|byte| byte.is_ascii_graphic());
        if is_readable && let Err(detail) = check_rrule(&self.rrule, self.first_date, self.last_date) {
            findings.add("/rule/rrule", detail);
        }
    }

    /// The rule as it is stored. Its starts are in order.
    pub fn row(&self) -> rows::ScheduleRule {
        let texts = |dates: &[Date]| {
            let dates: BTreeSet<&Date> = dates.iter().collect();
            dates.into_iter().map(Date::to_string).collect()
        };
        let starts: BTreeSet<&String> = self.start_times.iter().collect();
        rows::ScheduleRule {
            first_date: self.first_date.to_string(),
            last_date: self.last_date.map(|date| date.to_string()),
            rrule: self.rrule.clone(),
            start_times: starts.into_iter().cloned().collect(),
            opening_hours: self.opening_hours.as_ref().map(|hours| rows::OpeningHours {
                opens: hours.opens.clone(),
                closes: hours.closes.clone(),
                every_minutes: hours.every_minutes,
            }),
            extra_dates: texts(&self.extra_dates),
            excepted_dates: texts(&self.excepted_dates),
        }
    }
}

impl NewOpeningHours {
    fn check(&self, findings: &mut ValidationErrors) {
        let pointer = |member: &str| format!("/rule/opening_hours/{member}");
        let (opens, closes) = (minute_of_day(&self.opens), closing_minute(&self.closes));
        if opens.is_none() {
            findings.add(pointer("opens"), "must be a time of day, such as 09:00");
        }
        if closes.is_none() {
            findings.add(pointer("closes"), "must be a time of day, such as 17:00, or 24:00");
        }
        if opens.zip(closes).is_some_and(|(opens, closes)| closes <= opens) {
            findings.add(pointer("closes"), "must be later than opens");
        }
        findings.between(&pointer("every_minutes"), self.every_minutes, EVERY_MINUTES_MIN, EVERY_MINUTES_MAX);
        let starts = opening_times(&self.opens, &self.closes, self.every_minutes);
        if starts.is_some_and(|starts| starts.len() > STARTS_PER_DAY_MAX) {
            findings.add(
                pointer("every_minutes"),
                format!("must not have more than {STARTS_PER_DAY_MAX} starts on one date"),
            );
        }
    }
}

fn year(findings: &mut ValidationErrors, pointer: &str, date: Date) {
    if !SCHEDULE_YEARS.contains(&date.year()) {
        let (first, last) = (SCHEDULE_YEARS.start(), SCHEDULE_YEARS.end());
        findings.add(pointer, format!("must be in the years {first} to {last}"));
    }
}

fn in_order(findings: &mut ValidationErrors, pointer: &str, first: Date, last: Option<Date>) {
    if last.is_some_and(|last| last < first) {
        findings.add(pointer, "must not be before first_date");
    }
}

fn dates(findings: &mut ValidationErrors, pointer: &str, dates: &[Date]) {
    if dates.len() > SCHEDULE_DATES_MAX {
        findings.count(pointer, dates.len(), SCHEDULE_DATES_MAX, "date");
    }
    let mut seen = BTreeSet::new();
    for (index, date) in dates.iter().enumerate().take(SCHEDULE_DATES_MAX) {
        year(findings, &format!("{pointer}/{index}"), *date);
        if !seen.insert(date) {
            findings.add(format!("{pointer}/{index}"), "is named twice");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    fn check(rule: Value, expected: &[&str]) {
        let body = json!({ "rule": rule, "capacity": 12 });
        let found = decode::<NewSchedule>(body.clone())
            .map_or_else(|findings| findings.errors().to_vec(), |_| vec![]);
        let found: Vec<_> = found.into_iter().map(|error| error.pointer).collect();
        assert_eq!(found, expected, "{body}");
    }

    /// The rule with these members.
    fn rule(more: Value) -> Value {
        let mut rule =
            json!({ "first_date": "2026-07-01", "rrule": "FREQ=DAILY", "start_times": ["09:00", "14:30"] });
        for (name, value) in more.as_object().unwrap() {
            rule[name] = value.clone();
        }
        rule
    }

    #[test]
    fn a_rule_is_checked_member_by_member() {
        check(rule(json!({})), &[]);
        check(rule(json!({ "last_date": "2026-07-01", "extra_dates": ["2027-01-01"] })), &[]);
        check(rule(json!({ "last_date": "2026-06-30" })), &["/rule/last_date", "/rule/rrule"]);
        check(rule(json!({ "first_date": "2026-7-1" })), &["/rule/first_date"]);
        check(rule(json!({ "first_date": "1999-12-31" })), &["/rule/first_date"]);
        check(rule(json!({ "last_date": "2200-01-01" })), &["/rule/last_date"]);
        check(rule(json!({ "rrule": "FREQ=HOURLY" })), &["/rule/rrule"]);
        check(rule(json!({ "rrule": "FREQ=DAILY;COUNT=1\nEXDATE:1" })), &["/rule/rrule"]);
        check(rule(json!({ "rrule": "F".repeat(201) })), &["/rule/rrule"]);
        check(
            rule(json!({ "start_times": ["09:00", "9:00", "24:00", "09:00"] })),
            &["/rule/start_times/1", "/rule/start_times/2", "/rule/start_times/3"],
        );
        check(rule(json!({ "start_times": [] })), &["/rule/start_times"]);
        let many: Vec<String> = (0..101).map(|n| format!("{:02}:{:02}", n / 60, n % 60)).collect();
        check(rule(json!({ "start_times": many })), &["/rule/start_times"]);
        check(rule(json!({ "excepted_dates": ["2026-07-02", "2026-07-02"] })), &["/rule/excepted_dates/1"]);
        check(rule(json!({ "extra_dates": ["2026-02-30"] })), &["/rule/extra_dates/0"]);
        let dates = |count: i64| -> Vec<String> {
            use jiff::ToSpan as _;
            (0..count).map(|n| jiff::civil::date(2026, 1, 1).saturating_add(n.days()).to_string()).collect()
        };
        check(rule(json!({ "extra_dates": dates(366) })), &[]);
        check(rule(json!({ "extra_dates": dates(367) })), &["/rule/extra_dates"]);
    }

    #[test]
    fn opening_hours_stand_in_place_of_starts() {
        let hours = |opens: &str, closes: &str, every: i64| {
            rule(json!({
                "start_times": [],
                "opening_hours": { "opens": opens, "closes": closes, "every_minutes": every },
            }))
        };
        check(hours("09:00", "17:00", 30), &[]);
        check(hours("00:00", "24:00", 15), &[]);
        check(hours("17:00", "09:00", 30), &["/rule/opening_hours/closes"]);
        check(hours("09:00", "9", 30), &["/rule/opening_hours/closes"]);
        check(hours("09:00", "17:00", 0), &["/rule/opening_hours/every_minutes"]);
        check(hours("00:00", "24:00", 10), &["/rule/opening_hours/every_minutes"]);
        let both = json!({ "opening_hours": { "opens": "09:00", "closes": "17:00", "every_minutes": 30 } });
        check(rule(both), &["/rule/start_times"]);
    }

    #[test]
    fn other_members() {
        let of = |more: Value| {
            let mut body = json!({ "rule": rule(json!({})), "capacity": 12 });
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            let found = decode::<NewSchedule>(body).map_or_else(|found| found.errors().to_vec(), |_| vec![]);
            found.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        };
        assert_eq!(of(json!({ "capacity": 0 })), ["/capacity"]);
        assert_eq!(of(json!({ "horizon_days": 731 })), ["/horizon_days"]);
        assert_eq!(of(json!({ "colour": "red" })), ["/colour"]);
        let blackout = |first: &str, last: &str| {
            let body = json!({ "first_date": first, "last_date": last, "reason": "dry dock" });
            decode::<NewBlackout>(body).is_ok()
        };
        assert!(blackout("2026-08-10", "2026-08-10"));
        assert!(!blackout("2026-08-10", "2026-08-09"));
        assert!(decode::<ChangedSchedule>(json!({})).is_ok());
        assert!(decode::<ChangedSchedule>(json!({ "version": 0 })).is_err());
    }
}
