//! The starts of rules in zones whose clocks change in many ways.

use std::collections::BTreeSet;

use domain::rows::{Blackout, OpeningHours, ScheduleRule};
use domain::{BlackoutId, ProductId, TenantId, Timestamp};
use jiff::civil::{Date, DateTime, date};
use jiff::tz::{AmbiguousOffset, TimeZone};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::time::{instant, timestamp, zone};

/// The last one skipped 2011-12-30.
const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Pacific/Apia",
];

fn rule(rrule: &str, first: &str, times: &[&str]) -> ScheduleRule {
    ScheduleRule {
        first_date: first.to_owned(),
        last_date: None,
        rrule: rrule.to_owned(),
        start_times: times.iter().map(ToString::to_string).collect(),
        opening_hours: None,
        extra_dates: Vec::new(),
        excepted_dates: Vec::new(),
    }
}

fn at(text: &str) -> Timestamp {
    timestamp(text.parse().unwrap())
}

fn starts(rule: &ScheduleRule, zone: &str, [from, to]: [&str; 2]) -> Vec<String> {
    let recurrence = Recurrence::of(rule, zone).unwrap();
    recurrence.starts(&[], at(from)..at(to)).into_iter().map(|start| instant(start).to_string()).collect()
}

fn dates(rule: &ScheduleRule, from: &str, to: &str) -> Vec<String> {
    let recurrence = Recurrence::of(rule, "UTC").unwrap();
    let dates = recurrence.dates(from.parse().unwrap(), to.parse().unwrap());
    dates.into_iter().map(|date| date.to_string()).collect()
}

#[test]
fn a_rule_has_the_dates_of_rfc_5545() {
    for (rrule, first, expected) in [
        ("FREQ=WEEKLY;BYDAY=MO,WE", "2026-06-30", &["2026-07-01", "2026-07-06", "2026-07-08"][..]),
        ("FREQ=DAILY;INTERVAL=10", "2026-06-28", &["2026-07-08"]),
        ("FREQ=DAILY;COUNT=2", "2026-06-30", &["2026-07-01"]),
        ("FREQ=MONTHLY;BYDAY=1SA", "2026-01-01", &["2026-07-04"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-29", "2026-01-01", &["2026-07-03"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "2026-01-01", &["2026-07-01"]),
        ("FREQ=YEARLY;BYMONTH=7;BYMONTHDAY=4", "2020-01-01", &["2026-07-04"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;WKST=SU", "2026-06-23", &["2026-07-05", "2026-07-07"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;WKST=MO", "2026-06-23", &["2026-07-07"]),
    ] {
        check_rrule(rrule, first.parse().unwrap(), None).unwrap();
        assert_eq!(dates(&rule(rrule, first, &["09:00"]), "2026-07-01", "2026-07-08"), expected, "{rrule}");
    }
}

#[test]
fn extra_dates_count_and_excepted_ones_do_not() {
    let mut weekly = rule("FREQ=WEEKLY", "2026-07-01", &["09:00"]);
    weekly.last_date = Some("2026-07-20".to_owned());
    weekly.extra_dates = vec!["2026-07-03".to_owned(), "2026-07-30".to_owned(), "2026-07-04".to_owned()];
    weekly.excepted_dates = vec!["2026-07-08".to_owned(), "2026-07-04".to_owned()];
    assert_eq!(
        dates(&weekly, "2026-06-01", "2026-12-31"),
        ["2026-07-01", "2026-07-03", "2026-07-15", "2026-07-30"]
    );
    let recurrence = Recurrence::of(&weekly, "UTC").unwrap();
    assert!(!recurrence.is_over(at("2026-07-31T00:00:00Z")));
    assert!(recurrence.is_over(at("2026-08-10T00:00:00Z")));
}

#[test]
fn a_rule_that_is_not_one_of_days_is_refused() {
    for rrule in [
        "",
        "WEEKLY",
        "BYDAY=MO",
        "FREQ=HOURLY",
        "FREQ=MINUTELY;INTERVAL=5",
        "FREQ=SECONDLY",
        "FREQ=DAILY;BYHOUR=9,10",
        "FREQ=DAILY;BYMINUTE=0",
        "FREQ=DAILY;BYSECOND=0",
        "FREQ=DAILY;UNTIL=20270101",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=+1",
        "FREQ=DAILY;INTERVAL=101",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=3661",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY\nEXDATE:20260101",
        "RRULE:FREQ=DAILY",
        "freq=daily",
        "FREQ=YEARLY;BYEASTER=0",
    ] {
        assert!(check_rrule(rrule, date(2026, 1, 1), None).is_err(), "{rrule}");
    }
    let long = format!("FREQ=MONTHLY;BYMONTHDAY={}", ["1"; 100].join(","));
    assert!(check_rrule(&long, date(2026, 1, 1), None).is_err());
    assert!(check_rrule("FREQ=YEARLY", date(2026, 1, 1), Some(date(2026, 1, 1))).is_ok());
    assert!(check_rrule("FREQ=WEEKLY;BYDAY=SU", date(2026, 1, 1), Some(date(2026, 1, 2))).is_err());
}

/// The hour that does not exist, and the hour that comes twice.
#[test]
fn a_start_in_a_clock_change_is_where_rfc_5545_has_it() {
    for (zone, first, times, expected) in [
        // From 02:00 to 03:00: 02:30 is 03:30, the same instant as the second start.
        ("Europe/Berlin", "2026-03-29", &["02:30", "03:30"][..], &["2026-03-29T01:30:00Z"][..]),
        ("Europe/Berlin", "2026-10-25", &["02:30"], &["2026-10-25T00:30:00Z"]),
        ("America/New_York", "2026-03-08", &["02:00"], &["2026-03-08T07:00:00Z"]),
        ("America/New_York", "2026-11-01", &["01:30"], &["2026-11-01T05:30:00Z"]),
        // At midnight.
        (
            "America/Sao_Paulo",
            "2018-11-04",
            &["00:00", "00:15"],
            &["2018-11-04T03:00:00Z", "2018-11-04T03:15:00Z"],
        ),
        ("America/Sao_Paulo", "2018-02-17", &["23:30"], &["2018-02-18T01:30:00Z"]),
        // Half an hour.
        ("Australia/Lord_Howe", "2026-10-04", &["02:15"], &["2026-10-03T15:45:00Z"]),
        ("Australia/Lord_Howe", "2026-04-05", &["01:45"], &["2026-04-04T14:45:00Z"]),
        // A day that was skipped: its starts are those of the next day.
        ("Pacific/Apia", "2011-12-30", &["09:00"], &["2011-12-30T19:00:00Z"]),
    ] {
        let day = rule("FREQ=DAILY;COUNT=1", first, times);
        assert_eq!(
            starts(&day, zone, ["2010-01-01T00:00:00Z", "2030-01-01T00:00:00Z"]),
            expected,
            "{zone} {first}"
        );
    }
    let both = rule("FREQ=DAILY;COUNT=2", "2011-12-30", &["09:00"]);
    let made = starts(&both, "Pacific/Apia", ["2011-01-01T00:00:00Z", "2012-01-01T00:00:00Z"]);
    assert_eq!(made, ["2011-12-30T19:00:00Z"], "two local starts on one instant are one");
    let skipped = rule("FREQ=DAILY;COUNT=1", "2011-12-30", &["09:00"]);
    let made = starts(&skipped, "Pacific/Apia", ["2011-12-30T10:00:00Z", "2012-01-01T00:00:00Z"]);
    assert_eq!(made, ["2011-12-30T19:00:00Z"], "a span may begin on the date that the gap leads to");
}

#[test]
fn opening_hours_have_starts_until_they_close() {
    let hours = |opens: &str, closes: &str, every_minutes| {
        let mut day = rule("FREQ=DAILY;COUNT=1", "2026-07-01", &[]);
        let (opens, closes) = (opens.to_owned(), closes.to_owned());
        day.opening_hours = Some(OpeningHours { opens, closes, every_minutes });
        let starts = starts(&day, "UTC", ["2026-07-01T00:00:00Z", "2026-07-03T00:00:00Z"]);
        starts.iter().map(|start| start[11..16].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(hours("09:00", "11:00", 45), ["09:00", "09:45", "10:30"]);
    assert_eq!(hours("09:00", "10:30", 45), ["09:00", "09:45"]);
    assert_eq!(hours("23:00", "24:00", 30), ["23:00", "23:30"]);
    assert_eq!(hours("09:00", "09:00", 30), Vec::<String>::new());
}

#[test]
fn a_blackout_is_of_local_dates() {
    let daily = rule("FREQ=DAILY", "2026-07-01", &["00:30", "23:30"]);
    let blackout = Blackout {
        id: BlackoutId(Uuid::nil()),
        tenant: TenantId(Uuid::nil()),
        product: ProductId(Uuid::nil()),
        first_date: "2026-07-02".to_owned(),
        last_date: "2026-07-03".to_owned(),
        reason: "dry dock".to_owned(),
        created_at: Timestamp(0),
        ended_at: None,
    };
    let recurrence = Recurrence::of(&daily, "Europe/Berlin").unwrap();
    let span = at("2026-06-01T00:00:00Z")..at("2026-07-04T22:00:00Z");
    let made: Vec<String> =
        recurrence.starts(&[blackout], span).into_iter().map(|at| instant(at).to_string()).collect();
    assert_eq!(
        made,
        ["2026-06-30T22:30:00Z", "2026-07-01T21:30:00Z", "2026-07-03T22:30:00Z", "2026-07-04T21:30:00Z"]
    );
}

fn local(at: Timestamp, zone: &TimeZone) -> DateTime {
    instant(at).to_zoned(zone.clone()).datetime()
}

prop_compose! {
    /// A date near a clock change as often as not.
    fn any_date()(year in 2005i16..2037, month in 1i8..=12, day in 1i8..=28) -> Date {
        date(year, month, day)
    }
}

fn any_time() -> impl Strategy<Value = String> {
    (0..24u8, prop::sample::select(vec![0u8, 15, 30, 45, 59]))
        .prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each start shows a local time that was asked for, except one that a gap moved by its length; each local
    /// time has its start; and an hour that comes twice is the first.
    #[test]
    fn every_start_shows_its_local_time(
        zone_name in prop::sample::select(&ZONES[..]), first in any_date(), days in 1u32..400,
        times in prop::collection::btree_set(any_time(), 1..5),
    ) {
        let times: Vec<&str> = times.iter().map(String::as_str).collect();
        let daily = rule(&format!("FREQ=DAILY;COUNT={days}"), &first.to_string(), &times);
        let recurrence = Recurrence::of(&daily, zone_name).unwrap();
        let made = recurrence.starts(&[], at("2000-01-01T00:00:00Z")..at("2040-01-01T00:00:00Z"));
        prop_assert!(made.is_sorted_by(|one, next| one < next), "in order, each once");
        let zone = zone(zone_name).unwrap();
        let mut expected = BTreeSet::new();
        for number in 0..days {
            let day = first.checked_add(i64::from(number).days()).unwrap();
            for time in &times {
                let asked = day.to_datetime(time.parse().unwrap());
                let start = recurrence.instant(day, asked.time()).unwrap();
                match zone.to_ambiguous_timestamp(asked).offset() {
                    AmbiguousOffset::Unambiguous { .. } => prop_assert_eq!(local(start, &zone), asked),
                    AmbiguousOffset::Gap { before, after } => {
                        let gap = before.until(after).get_seconds();
                        prop_assert_eq!(local(start, &zone), asked + gap.seconds());
                    }
                    AmbiguousOffset::Fold { before, after } => {
                        prop_assert_eq!(local(start, &zone), asked);
                        let twice = after.until(before).get_seconds() * 1_000_000;
                        prop_assert_eq!(local(Timestamp(start.0 + twice), &zone), asked);
                    }
                }
                expected.insert(start);
            }
        }
        prop_assert_eq!(made, expected.into_iter().collect::<Vec<_>>());
    }

    /// A span that is cut anywhere, also within a clock change, has the same starts.
    #[test]
    fn the_parts_of_a_span_have_its_starts(
        zone_name in prop::sample::select(&ZONES[..]), first in any_date(),
        cuts in prop::collection::btree_set(0i64..200 * 24 * 4, 0..6),
    ) {
        let recurrence = Recurrence::of(&rule("FREQ=DAILY", &first.to_string(), &["00:15", "02:30", "23:45"]), zone_name).unwrap();
        let begin = time::end_of(first);
        let minutes = |quarters: i64| Timestamp(begin.0 + quarters * 15 * 60_000_000);
        let end = minutes(200 * 24 * 4);
        let edges: Vec<Timestamp> = std::iter::once(begin).chain(cuts.into_iter().map(minutes)).chain([end]).collect();
        let parts: Vec<Timestamp> =
            edges.windows(2).flat_map(|pair| recurrence.starts(&[], pair[0]..pair[1])).collect();
        prop_assert_eq!(parts, recurrence.starts(&[], begin..end));
    }

    /// A rule is read or refused; none is followed without end.
    #[test]
    fn no_rule_is_followed_without_end(
        frequency in prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]), interval in 1u32..=100,
        day in prop::option::of(prop::sample::select(vec!["MO", "1TU", "-1FR", "53MO", "SU,SA"])),
        month_day in prop::option::of(-32i8..=32), month in prop::option::of(0u8..=13),
        position in prop::option::of(-3i16..=3), first in any_date(),
    ) {
        let part = |name: &str, value: Option<String>| value.map(|value| format!("{name}={value}"));
        let parts = [
            part("FREQ", Some(frequency.to_owned())),
            part("INTERVAL", Some(interval.to_string())),
            part("BYDAY", day.map(str::to_owned)),
            part("BYMONTHDAY", month_day.map(|day| day.to_string())),
            part("BYMONTH", month.map(|month| month.to_string())),
            part("BYSETPOS", position.map(|position| position.to_string())),
        ];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join(";");
        if check_rrule(&text, first, None).is_ok() {
            let recurrence = Recurrence::of(&rule(&text, &first.to_string(), &["09:00"]), "UTC").unwrap();
            let last = first.saturating_add(1_000.days());
            for date in recurrence.dates(first, last) {
                prop_assert!((first..=last).contains(&date));
            }
        }
    }
}
