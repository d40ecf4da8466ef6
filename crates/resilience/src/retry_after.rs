//! `Retry-After` (RFC 9110, section 10.2.3): read, and obeyed within limits.
//!
//! | header | wait |
//! |---|---|
//! | `120` | 120 s |
//! | `99999999999999999999` | as long as a [`Duration`] can be |
//! | a date in the future | from now until then |
//! | a date in the past, or now | none: retry at once |
//! | `-1`, `+1`, `1.5`, `soon`, nothing, bytes that are not text | the header is ignored |
//! | the header occurs twice | the longer wait |
//!
//! The wait is obeyed in one direction only: it makes a pause longer, never shorter than the
//! backoff that was drawn, because a thousand callers that retry at once are a stampede. A pause
//! that ends at the deadline or later is not begun.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// Parses one value of the header. A date is measured from `wall_clock`; without it a date is
/// ignored.
pub fn parse(value: &[u8], wall_clock: Option<SystemTime>) -> Option<Duration> {
    let text = str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number that is too large for it does not fit.
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(wall_clock?).unwrap_or(Duration::ZERO))
}

/// The wait that the headers of a response request.
pub fn wanted(headers: &HeaderMap, wall_clock: SystemTime) -> Option<Duration> {
    longest(headers, Some(wall_clock))
}

/// As `wanted`, but without a clock: a date is measured from the response's own `Date`, which a
/// difference between two clocks cannot distort.
pub fn wanted_by_own_date(headers: &HeaderMap) -> Option<Duration> {
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    longest(headers, date.and_then(|date| httpdate::parse_http_date(date).ok()))
}

fn longest(headers: &HeaderMap, wall_clock: Option<SystemTime>) -> Option<Duration> {
    headers.get_all(header::RETRY_AFTER).iter().filter_map(|value| parse(value.as_bytes(), wall_clock)).max()
}

/// How long to wait: `computed`, or `wanted` if that is longer. `None`: `left` would be over by
/// then, so do not retry.
pub fn clamp(computed: Duration, wanted: Option<Duration>, left: Duration) -> Option<Duration> {
    let wanted = wanted.filter(|_| !fault_injection::is(fault_injection::InjectedFault::RetryAfterIgnored));
    let wait = computed.max(wanted.unwrap_or(Duration::ZERO));
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example in the RFC.
    const NOW: Duration = Duration::from_secs(784_111_777);

    fn wall_clock() -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW
    }

    #[test]
    fn only_seconds_and_dates_are_accepted() {
        let check = |value: &str, expected: Option<Duration>| {
            assert_eq!(parse(value.as_bytes(), Some(wall_clock())), expected, "{value:?}");
        };
        check("0", Some(Duration::ZERO));
        check("120", Some(Duration::from_mins(2)));
        check(" 7\t", Some(Duration::from_secs(7)));
        check("007", Some(Duration::from_secs(7)));
        check("18446744073709551615", Some(Duration::from_secs(u64::MAX)));
        check("18446744073709551616", Some(Duration::MAX));
        check(&"9".repeat(400), Some(Duration::MAX));
        check("Sun, 06 Nov 1994 08:51:37 GMT", Some(Duration::from_mins(2)));
        check("Sunday, 06-Nov-94 08:49:47 GMT", Some(Duration::from_secs(10)));
        check("Sun Nov  6 08:49:38 1994", Some(Duration::from_secs(1)));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO));
        check("Sun, 06 Nov 1994 08:49:36 GMT", Some(Duration::ZERO));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(Duration::ZERO));
        for garbage in ["", " ", "-1", "+1", "1.5", "1e3", "0x10", "soon", "1 2", "120 s", "06 Nov 1994", "٣"]
        {
            check(garbage, None);
        }
        assert_eq!(parse(b"\xff\xfe", Some(wall_clock())), None);
    }

    #[test]
    fn the_longer_of_two_values_wins() {
        let mut headers = HeaderMap::new();
        assert_eq!(wanted(&headers, wall_clock()), None);
        for value in ["5", "9", "rubbish", "7"] {
            headers.append(header::RETRY_AFTER, HeaderValue::from_static(value));
        }
        assert_eq!(wanted(&headers, wall_clock()), Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_date_is_measured_from_the_responses_own_date() {
        let check = |date: &str, values: &[&str], expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::RETRY_AFTER, value.parse().unwrap());
            }
            if !date.is_empty() {
                headers.insert(header::DATE, date.parse().unwrap());
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(wanted_by_own_date(&headers), expected, "{date:?} {values:?}");
        };
        let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:47 GMT");
        check(now, &[later], Some(10));
        check(later, &[now], Some(0));
        check(now, &["7"], Some(7));
        check(now, &["7", later], Some(10));
        check("", &["7"], Some(7));
        check("", &[later], None);
        check("rubbish", &[later, "7"], Some(7));
        check("", &["soon"], None);
        check(now, &[], None);
    }

    #[test]
    fn the_wait_is_never_shorter_than_computed_or_past_the_deadline() {
        let check = |computed: u64, wanted: Option<u64>, left: u64, expected: Option<u64>| {
            let seconds = Duration::from_secs;
            let wait = clamp(seconds(computed), wanted.map(seconds), seconds(left));
            assert_eq!(wait, expected.map(seconds), "{computed} {wanted:?} {left}");
        };
        check(3, None, 10, Some(3));
        check(3, Some(0), 10, Some(3));
        check(3, Some(2), 10, Some(3));
        check(3, Some(5), 10, Some(5));
        check(3, Some(9), 10, Some(9));
        check(3, Some(10), 10, None);
        check(3, Some(u64::MAX), 10, None);
        check(10, None, 10, None);
        check(0, None, 0, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(value in proptest::collection::vec(any::<u8>(), 0..40), now in 0..u64::from(u32::MAX)) {
            let _ = parse(&value, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(now)));
        }

        #[test]
        fn any_text_like_a_date_is_read_without_a_panic(value in "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
            let _ = parse(value.as_bytes(), Some(wall_clock()));
        }

        #[test]
        fn the_wait_lies_between_the_backoff_and_the_deadline(computed in any::<u64>(), wanted in any::<Option<u64>>(), left in any::<u64>()) {
            let (computed, left) = (Duration::from_nanos(computed), Duration::from_nanos(left));
            match clamp(computed, wanted.map(Duration::from_nanos), left) {
                Some(wait) => prop_assert!(computed <= wait && wait < left),
                None => prop_assert!(computed.max(wanted.map_or(Duration::ZERO, Duration::from_nanos)) >= left),
            }
        }
    }
}
