//! Dates of the wire: ISO 8601 with milliseconds and an offset.

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Mercado Pago writes its dates with this offset, whatever the account's country.
const SHOWN_OFFSET_MS: i64 = -4 * 60 * 60 * 1000;

/// `2026-11-30T08:15:00.000-04:00`, from Unix milliseconds.
pub fn show(at_ms: i64) -> String {
    let local = at_ms + SHOWN_OFFSET_MS;
    let (year, month, day) = civil(local.div_euclid(DAY_MS));
    let of_day = local.rem_euclid(DAY_MS);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, ms) = (of_day / 1_000 % 60, of_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}-04:00")
}

/// Unix milliseconds; `None` for a text without a date, a time and an offset.
pub fn read(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let mut parts = date.split('-');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let cut = rest.find(['Z', '+', '-'])?;
    let (time, offset) = rest.split_at(cut);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = time.split(':');
    let (hour, minute, second) =
        (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let is_whole = parts.next().is_none() && clock.next().is_none();
    let is_valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !is_whole || !is_valid || second >= 60 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let ms = number(&format!("{fraction:0<3}")[..3], 3)?;
    let of_day = ((hour * 60 + minute) * 60 + second) * 1_000 + ms;
    Some(days(year, month, day) * DAY_MS + of_day - offset_ms(offset)?)
}

fn offset_ms(offset: &str) -> Option<i64> {
    if offset == "Z" {
        return Some(0);
    }
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits = offset[1..].replace(':', "");
    let (hours, minutes) = (number(digits.get(..2)?, 2)?, number(digits.get(2..)?, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. A year begins in March here, so that
/// the leap day is its last day.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days`]: year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_shown() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(read(text), expected, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2023-11-14T22:13:20.000+00:00", Some(1_700_000_000_000));
        check("2023-11-14T18:13:20.5-04:00", Some(1_700_000_000_500));
        check("2023-11-14T19:13:20.123456-0300", Some(1_700_000_000_123));
        check("2024-02-29T00:00:00Z", Some(1_709_164_800_000));
        check("2023-11-14T22:13:20", None);
        check("2023-11-14", None);
        check("2023-13-14T22:13:20Z", None);
        check("2023-11-14T24:13:20Z", None);
        check("2023-11-14T22:13:20 00:00", None);
        check("14.11.2023", None);
        assert_eq!(show(1_700_000_000_123), "2023-11-14T18:13:20.123-04:00");
        for at_ms in (0..4_000).map(|step| step * 397_531_123) {
            assert_eq!(read(&show(at_ms)), Some(at_ms));
        }
    }
}
