//! Instants as RFC 3339, and the wall time of a place.

use std::sync::LazyLock;

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};

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

/// The zone in the spelling of the IANA database, if it is one of a place there: never the host's own
/// (`localtime`, `posixrules`), nor what stands for none (`Factory`).
pub fn zone_name(name: &str) -> Option<String> {
    let name = zone(name)?.iana_name()?.to_owned();
    (name != "Factory").then_some(name)
}

/// The time on the clocks of the place. An unknown zone cannot be stored; UTC stands for it.
pub fn local(at: Timestamp, zone_name: &str) -> DateTime {
    zone(zone_name).unwrap_or(TimeZone::UTC).to_datetime(instant(at))
}

/// What the program carries with it, and nothing of the machine it runs on: two servers must agree, and
/// the files of one may hold more than zones.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok().filter(|zone| !zone.is_unknown())
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
    fn only_zones_of_the_database_in_its_spelling() {
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
    fn an_instant_past_the_calendar_is_its_end() {
        assert_eq!(instant(Timestamp(i64::MAX)), jiff::Timestamp::MAX);
        assert_eq!(instant(Timestamp(i64::MIN)), jiff::Timestamp::MIN);
    }
}
