//! The syntax of texts in requests, as regular expressions (ECMA-262, as in JSON Schema). The
//! excluded characters come from the code that refuses them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::limits::IDEMPOTENCY_KEY_CHARS_MAX;
use crate::text;

pub const CURRENCY_PATTERN: &str = "^[A-Z]{3}$";
/// The form of `next_cursor`.
pub const CURSOR_PATTERN: &str = "^[a-p]{48}$";
/// `full-date` of RFC 3339 section 5.6.
pub const DATE_PATTERN: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
/// A date of the years 2000 to 2199, as `SCHEDULE_YEARS` has them.
pub const SCHEDULE_DATE_PATTERN: &str = "^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}$";
/// A time of day.
pub const TIME_PATTERN: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
/// A time of day, or the end of the day.
pub const CLOSING_TIME_PATTERN: &str = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";
/// RFC 3339 section 5.6, with as many digits of a second as are read.
pub const INSTANT_PATTERN: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}\
     (\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$";
/// Several lines.
pub const TEXT_PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
pub const VISIBLE_PATTERN: &str = "^[!-~]+$";
/// A character of a path (RFC 3986 section 3.3).
macro_rules! letter {
    () => {
        "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
    };
}
macro_rules! host {
    () => {
        r"(?:(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?)"
    };
}
/// Where a customer returns (RFC 3986). The description lists the refused schemes.
pub const URL_PATTERN: &str = concat!(
    r"^[A-Za-z][A-Za-z0-9+.-]*:/(?:/",
    host!(),
    "|",
    letter!(),
    "+)(?:/",
    letter!(),
    r"*)*(?:\?(?:",
    letter!(),
    "|[/?])*)?(?:#(?:",
    letter!(),
    "|[/?])*)?$",
);
pub const ZONE_PATTERN: &str = "^[A-Za-z0-9_+/-]+$";

/// One line that is not blank.
pub static LINE_PATTERN: LazyLock<String> = LazyLock::new(|| {
    let never = never_in_a_line();
    format!(r"^[^{never}]*[^\s{never}][^{never}]*$")
});

/// The `Idempotency-Key` header: bare, or a quoted string of RFC 9651, where a backslash escapes a
/// quote or a backslash.
pub fn key_in_header() -> String {
    let (max, more_max) = (IDEMPOTENCY_KEY_CHARS_MAX, IDEMPOTENCY_KEY_CHARS_MAX - 1);
    format!(r#"^([!#-~][!-~]{{0,{more_max}}}|"([!#-\[\]-~]|\\["\\]){{1,{max}}}")$"#)
}

/// Controls, and characters that are invisible or change the direction of a line, as ranges of a
/// character class. Joiners and variation selectors are accepted where a script needs them, which a
/// class cannot express. Only the basic plane: the notation beyond it differs between languages.
fn never_in_a_line() -> String {
    let is_never = |number: u32| char::from_u32(number).is_some_and(text::is_never_in_a_line);
    let mut class = String::new();
    let mut number = 0;
    while number <= 0xFFFF {
        let first = number;
        while is_never(number) {
            number += 1;
        }
        if number > first {
            write!(class, r"\u{first:04x}").expect("a String takes whatever is written to it");
        }
        if number > first + 1 {
            let last = number - 1;
            write!(class, r"-\u{last:04x}").expect("a String takes whatever is written to it");
        }
        number += 1;
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_no_line_may_have_are_listed_as_ranges() {
        let never = never_in_a_line();
        for range in [r"\u0000-\u001f\u007f-\u009f\u00ad", r"\u2028-\u202e", r"\u2800", r"\ufff0-\ufffb"] {
            assert!(never.contains(range), "{never}");
        }
        // A joiner is between the two ranges, and a selector is in none.
        assert!(never.contains(r"\u200b\u200e-\u200f") && !never.contains(r"\ufe0"), "{never}");
    }
}
