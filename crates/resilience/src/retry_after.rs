//! `Retry-After` (RFC 9110, section 10.2.3): read, and obeyed within limits.
//!
//! | the header says | wanted |
//! |---|---|
//! | `120` | 120 s |
//! | `99999999999999999999` | as long as a [`Duration`] can be |
//! | a date to come | from now until then |
//! | a date that has passed, or now | at once |
//! | `-1`, `+1`, `1.5`, `soon`, nothing, bytes that are no text | as if it were not there |
//! | it stands twice | the longer one |
//!
//! What is wanted is obeyed in one direction: a wait becomes longer by it, never shorter than the backoff
//! that was drawn, because "retry at once" told to a thousand callers is a stampede. And a wait that ends at
//! the deadline or later is not begun.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// One value of the header. `wall` is the time a date is measured from; without it a date asks for nothing.
pub fn parse(value: &[u8], wall: Option<SystemTime>) -> Option<Duration> {
    let text = str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number too large for it does not fit.
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(wall?).unwrap_or(Duration::ZERO))
}

/// What the headers of an answer ask for.
pub fn wanted(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    longest(headers, Some(wall))
}

/// The same without a clock: a date is measured from the answer's own `Date`, which no difference between
/// two clocks can distort.
pub fn wanted_by_its_own_clock(headers: &HeaderMap) -> Option<Duration> {
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    longest(headers, date.and_then(|date| httpdate::parse_http_date(date).ok()))
}

fn longest(headers: &HeaderMap, wall: Option<SystemTime>) -> Option<Duration> {
    headers.get_all(header::RETRY_AFTER).iter().filter_map(|value| parse(value.as_bytes(), wall)).max()
}

/// How long to wait: `computed`, or longer if that is wanted. `None`: `left` is over by then, do not retry.
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

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of the RFC.
    const NOW: Duration = Duration::from_secs(784_111_777);

    fn wall() -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW
    }

    #[test]
    fn seconds_and_dates_and_nothing_else() {
        let check = |value: &str, expected: Option<Duration>| {
            assert_eq!(parse(value.as_bytes(), Some(wall())), expected, "{value:?}");
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
        assert_eq!(parse(b"\xff\xfe", Some(wall())), None);
    }

    #[test]
    fn of_two_the_longer_one() {
        let mut headers = HeaderMap::new();
        assert_eq!(wanted(&headers, wall()), None);
        for value in ["5", "9", "rubbish", "7"] {
            headers.append(header::RETRY_AFTER, HeaderValue::from_static(value));
        }
        assert_eq!(wanted(&headers, wall()), Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_date_is_measured_from_the_answers_own() {
        let check = |date: &str, values: &[&str], expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::RETRY_AFTER, value.parse().unwrap());
            }
            if !date.is_empty() {
                headers.insert(header::DATE, date.parse().unwrap());
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(wanted_by_its_own_clock(&headers), expected, "{date:?} {values:?}");
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
    fn never_shorter_than_computed_and_never_past_the_deadline() {
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
            let _ = parse(value.as_bytes(), Some(wall()));
        }

        #[test]
        fn what_is_waited_lies_between_the_backoff_and_the_deadline(computed in any::<u64>(), wanted in any::<Option<u64>>(), left in any::<u64>()) {
            let (computed, left) = (Duration::from_nanos(computed), Duration::from_nanos(left));
            match clamp(computed, wanted.map(Duration::from_nanos), left) {
                Some(wait) => prop_assert!(computed <= wait && wait < left),
                None => prop_assert!(computed.max(wanted.map_or(Duration::ZERO, Duration::from_nanos)) >= left),
            }
        }
    }
}
