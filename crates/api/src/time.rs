//! Times as RFC 3339, and the local time of a place.

use std::sync::LazyLock;

use domain::Timestamp;
use domain::time::Span;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The precision: a nanosecond.
const FRACTION_DIGITS_MAX: usize = 9;

/// A time for the wire. Rows contain no time beyond the calendar; if one did, the end of the
/// calendar would be shown.
pub fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or(if at.0 < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

/// Whether it is written as in RFC 3339 section 5.6, with at most nine digits of a second. Other
/// forms of ISO 8601 are not understood by everyone.
pub fn is_rfc_3339(text: &str) -> bool {
    let Some((local, rest)) = text.split_at_checked("2000-01-01T00:00:00".len()) else { return false };
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("0", rest),
    };
    is_like(local, "0000-00-00T00:00:00")
        && (1..=FRACTION_DIGITS_MAX).contains(&fraction.len())
        && (offset.eq_ignore_ascii_case("Z") || is_like(offset, "+00:00") || is_like(offset, "-00:00"))
}

/// Whether it is written as a `full-date` of RFC 3339. Other forms of ISO 8601 are not understood by everyone.
pub fn is_full_date(text: &str) -> bool {
    is_like(text, "0000-00-00")
}

/// A digit stands for any digit, a letter also for its other case.
fn is_like(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            like => byte.eq_ignore_ascii_case(&like),
        })
}

/// A time from the wire for a row, truncated to microseconds.
pub fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp(at.as_microsecond())
}

/// The first instant after a day in UTC.
pub fn end_of(day: Date) -> Timestamp {
    let midnight = day.at(0, 0, 0, 0).to_zoned(TimeZone::UTC);
    // A day of the last calendar year may have no end that can be shown; it is no day of the past.
    midnight.map_or(Timestamp(i64::MAX), |midnight| timestamp(midnight.timestamp()).day_end())
}

/// The day in UTC whose end this instant is.
pub fn day_that_ends_at(end: Timestamp) -> Date {
    let last = instant(end.minus(Span(1)));
    last.to_zoned(TimeZone::UTC).date()
}

/// The zone in the spelling of the IANA database, if it is the zone of a place there: never the
/// host's own (`localtime`, `posixrules`) or the placeholder (`Factory`).
pub fn zone_name(name: &str) -> Option<String> {
    let name = zone(name)?.iana_name()?.to_owned();
    (name != "Factory").then_some(name)
}

/// The local time of the place. An unknown zone cannot be stored; UTC is used for it.
pub fn local(at: Timestamp, zone_name: &str) -> DateTime {
    zone(zone_name).unwrap_or(TimeZone::UTC).to_datetime(instant(at))
}

/// From the database that the program contains, never the machine's: two servers must agree, and a
/// machine's files may contain more than zones.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok().filter(|zone| !zone.is_unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_follows_the_place() {
        let at = timestamp("2026-07-01T09:00:00Z".parse().unwrap());
        assert_eq!(instant(at).to_string(), "2026-07-01T09:00:00Z");
        for (zone, local_time) in [
            ("Europe/Lisbon", "2026-07-01T10:00:00"),
            ("America/Sao_Paulo", "2026-07-01T06:00:00"),
            ("UTC", "2026-07-01T09:00:00"),
        ] {
            assert_eq!(local(at, zone).to_string(), local_time);
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        for (day, end) in [
            ("2026-02-28", "2026-03-01T00:00:00Z"),
            ("1969-12-31", "1970-01-01T00:00:00Z"),
            ("2028-02-29", "2028-03-01T00:00:00Z"),
        ] {
            let day: Date = day.parse().unwrap();
            assert_eq!(instant(end_of(day)).to_string(), end);
            assert_eq!(day_that_ends_at(end_of(day)), day);
        }
        assert!(end_of(Date::MAX) > timestamp("9000-01-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn only_zones_of_the_iana_database_are_accepted() {
        for (name, expected) in [
            ("Europe/Lisbon", Some("Europe/Lisbon")),
            ("europe/lisbon", Some("Europe/Lisbon")),
            ("EUROPE/LISBON", Some("Europe/Lisbon")),
            ("utc", Some("UTC")),
            ("Mars/Olympus", None),
            ("", None),
            ("+02:00", None),
            ("localtime", None),
            ("posixrules", None),
            ("Factory", None),
            ("FACTORY", None),
            ("posix/UTC", None),
            ("right/UTC", None),
            ("Etc/Unknown", None),
            ("zone1970.tab", None),
        ] {
            assert_eq!(zone_name(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn only_rfc_3339_times_are_accepted() {
        for (text, is_one) in [
            ("2026-07-01T09:00:00Z", true),
            ("2026-07-01t09:00:00.123456789z", true),
            ("2026-07-01T09:00:00-23:59", true),
            ("2026-07-01T09:00:00.1234567890Z", false),
            ("2026-07-01T09:00:00.Z", false),
            ("2026-07-01 09:00:00Z", false),
            ("2026-07-01T09:00:00+02", false),
            ("2026-07-01T09:00:00Z[UTC]", false),
            ("2026-07-01T09:00:0\u{e9}Z", false),
            ("", false),
        ] {
            assert_eq!(is_rfc_3339(text), is_one, "{text}");
        }
    }

    #[test]
    fn a_time_beyond_the_calendar_is_shown_as_its_end() {
        assert_eq!(instant(Timestamp(i64::MAX)), jiff::Timestamp::MAX);
        assert_eq!(instant(Timestamp(i64::MIN)), jiff::Timestamp::MIN);
    }
}
