//! Numbers, times and names as the page shows them.

use std::fmt::Display;

/// A control character is no text of HTML: it would end the page, or be read as something else.
pub(super) fn without_control_characters(text: &str) -> String {
    let allowed = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t');
    text.chars().map(|letter| if allowed(letter) { letter } else { '\u{fffd}' }).collect()
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(count: impl Display) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Milliseconds in a unit that fits.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A name of the code as text: `met_in_flight`, `met in flight`.
pub(super) fn plain(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let check = |text: &str, expected: &str| assert_eq!(without_control_characters(text), expected);
        check("\u{0} \u{1b}[31m\r\u{85}", "\u{fffd} \u{fffd}[31m\u{fffd}\u{fffd}");
        check("línea\n\t\u{1f6a2}", "línea\n\t\u{1f6a2}");
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped).join(" "), "0 999 1,000 1,234,567");
        assert_eq!([7, 1_500, 61_000].map(span).join(", "), "7 ms, 1.5 s, 1 min 01 s");
    }
}
