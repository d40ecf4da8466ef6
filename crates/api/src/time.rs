//! Instants as RFC 3339, and the wall time of a place.

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// An instant for the wire. Rows hold no instant that the calendar does not have; if one did, the
/// end of the calendar stands for it.
pub fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or(if at.0 < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

/// An instant of the wire for a row; what is finer than a microsecond is cut off.
pub fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp(at.as_microsecond())
}

/// Whether the zone is one of the IANA database. Fixed offsets and aliases of the machine are not.
pub fn is_zone(name: &str) -> bool {
    name.is_ascii() && zone(name).is_some()
}

/// The time on the clocks of the place. An unknown zone cannot be stored; UTC stands for it.
pub fn local(at: Timestamp, zone_name: &str) -> DateTime {
    zone(zone_name).unwrap_or(TimeZone::UTC).to_datetime(instant(at))
}

fn zone(name: &str) -> Option<TimeZone> {
    jiff::tz::db().get(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_follows_the_place() {
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
    fn only_zones_that_exist() {
        for (name, exists) in
            [("Europe/Lisbon", true), ("Mars/Olympus", false), ("", false), ("+02:00", false)]
        {
            assert_eq!(is_zone(name), exists, "{name}");
        }
    }

    #[test]
    fn an_instant_past_the_calendar_is_its_end() {
        assert_eq!(instant(Timestamp(i64::MAX)), jiff::Timestamp::MAX);
        assert_eq!(instant(Timestamp(i64::MIN)), jiff::Timestamp::MIN);
    }
}
