//! The dates of a recurrence rule of RFC 5545.
//!
//! The rule is evaluated from midnight to midnight in UTC, where every day has one, so that each result is a
//! date and no zone has a part in it. The first date belongs to the rule only if it fits the rule.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, NaiveDate, TimeZone as _};
use jiff::civil::Date;
use rrule::{RRule, RRuleSet, Tz, Unvalidated};

use crate::limits::{RRULE_CHARS_MAX, RRULE_COUNT_MAX, RRULE_INTERVAL_MAX};

/// Parts of a rule that name days.
const PARTS: [&str; 10] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "WKST",
    "BYDAY",
    "BYMONTHDAY",
    "BYMONTH",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYSETPOS",
];
const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];

/// A rule between its first and its last date.
pub struct Dates {
    rule: RRuleSet,
    pub last: Date,
}

impl Dates {
    /// `None` if it is no rule.
    pub fn of(text: &str, first: Date, last: Date) -> Option<Dates> {
        Some(Dates { rule: read(text, first).ok()?, last })
    }

    /// Both ends included.
    pub fn between(&self, from: Date, to: Date) -> BTreeSet<Date> {
        let to = to.min(self.last);
        let dates = self.rule.into_iter().filter_map(date_of).take_while(|date| *date <= to);
        dates.filter(|date| *date >= from).collect()
    }
}

/// What is wrong with a rule: it cannot be read, has parts of less than a day, or has no date at all.
pub fn check_rrule(text: &str, first: Date, last: Option<Date>) -> Result<(), String> {
    if text.chars().count() > RRULE_CHARS_MAX {
        return Err(format!("must not have more than {RRULE_CHARS_MAX} characters"));
    }
    let (mut frequency, mut days) = (None, "");
    let mut seen = BTreeSet::new();
    for part in text.split(';') {
        let (name, value) = part.split_once('=').ok_or("must be parts such as FREQ=WEEKLY;BYDAY=MO,WE")?;
        if !PARTS.contains(&name) {
            return Err(unknown(name));
        }
        if !seen.insert(name) {
            return Err(format!("has {name} twice"));
        }
        match name {
            "FREQ" => frequency = Some(value),
            "BYDAY" => days = value,
            "INTERVAL" => limited(name, value, RRULE_INTERVAL_MAX)?,
            "COUNT" => limited(name, value, RRULE_COUNT_MAX)?,
            _ => {}
        }
    }
    if !frequency.is_some_and(|frequency| FREQUENCIES.contains(&frequency)) {
        return Err(format!("must have a FREQ of {}", FREQUENCIES.join(", ")));
    }
    // RFC 5545 section 3.3.10. The library would leave the number out.
    if matches!(frequency, Some("DAILY" | "WEEKLY")) && days.contains(|letter: char| letter.is_ascii_digit())
    {
        return Err("must not have a number in BYDAY, unless FREQ is MONTHLY or YEARLY".to_owned());
    }
    let rule = read(text, first)?;
    match rule.into_iter().next().and_then(date_of) {
        Some(date) if last.is_none_or(|last| date <= last) => Ok(()),
        Some(_) => Err("has no date up to the last one".to_owned()),
        None => Err("has no date".to_owned()),
    }
}

fn unknown(name: &str) -> String {
    match name {
        "UNTIL" => "must not have UNTIL: last_date says it".to_owned(),
        "BYHOUR" | "BYMINUTE" | "BYSECOND" => format!("must not have {name}: start_times say it"),
        _ => "has a part that is not known here".to_owned(),
    }
}

fn limited(name: &str, value: &str, max: u32) -> Result<(), String> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<u32>() {
        Ok(number) if is_number && (1..=max).contains(&number) => Ok(()),
        _ => Err(format!("must have {name} between 1 and {max}")),
    }
}

fn read(text: &str, first: Date) -> Result<RRuleSet, String> {
    let start = midnight(first).ok_or("begins beyond the calendar")?;
    let rule = text.parse::<RRule<Unvalidated>>().and_then(|rule| rule.validate(start));
    // The library gives up after 100,000 periods without a date.
    Ok(RRuleSet::new(start).rrule(rule.map_err(|error| error.to_string())?).limit())
}

fn midnight(date: Date) -> Option<DateTime<Tz>> {
    let date = NaiveDate::from_ymd_opt(date.year().into(), date.month() as u32, date.day() as u32)?;
    Tz::UTC.from_local_datetime(&date.and_hms_opt(0, 0, 0)?).single()
}

/// `None` beyond the calendar of the wire.
fn date_of(midnight: DateTime<Tz>) -> Option<Date> {
    let (year, month, day) = (midnight.year(), midnight.month(), midnight.day());
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}
