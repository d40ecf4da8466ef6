//! Times of day, as minutes since midnight.

use jiff::civil::{Time, time};

const DAY_MINUTES: i64 = 24 * 60;

/// `HH:MM`, from 00:00 to 23:59.
pub fn minute_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str, max: i64| {
        let is_form = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|number| is_form && *number <= max)
    };
    Some(number(hour, 23)? * 60 + number(minute, 59)?)
}

/// `HH:MM`, or `24:00` for the end of the day.
pub fn closing_minute(text: &str) -> Option<i64> {
    if text == "24:00" { Some(DAY_MINUTES) } else { minute_of_day(text) }
}

/// At `opens`, and again after each interval as long as that is before `closes`.
pub fn opening_times(opens: &str, closes: &str, every_minutes: i64) -> Option<Vec<i64>> {
    let (opens, closes) = (minute_of_day(opens)?, closing_minute(closes)?);
    let every = usize::try_from(every_minutes).ok().filter(|every| *every > 0)?;
    Some((opens..closes).step_by(every).collect())
}

/// `minute` is of one day.
pub fn at(minute: i64) -> Time {
    let minute = minute.clamp(0, DAY_MINUTES - 1);
    time((minute / 60) as i8, (minute % 60) as i8, 0, 0)
}
