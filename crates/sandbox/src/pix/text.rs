//! The texts of the wire: amounts, times, and ids of the payments system.

use crate::{ids, mercado_pago::date, random::mix};

/// `37.00`, from minor units.
pub fn amount(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// One to ten digits, a point, two digits.
pub fn read_amount(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.')?;
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let fits = are_digits(whole) && are_digits(cents) && whole.len() <= 10 && cents.len() == 2;
    if fits { format!("{whole}{cents}").parse().ok() } else { None }
}

pub fn time(at_ms: i64) -> String {
    date::show(at_ms)
}

pub fn read_time(text: &str) -> Option<i64> {
    date::read(text)
}

/// An id of the payments system: a letter and 31 digits or letters, different for each number. Later ids sort
/// before earlier ones, so that nothing is right only because ids rise.
pub fn system_id(letter: char, salt: &str, number: u64) -> String {
    let seed = ids::digest(salt) ^ number;
    format!("{letter}12345678{:07}{:016x}", 9_999_999 - number % 10_000_000, mix(seed))
}

/// The UUID that the last 32 characters of an id are, if they are one.
pub fn uuid_in(id: &str) -> Option<String> {
    let digits = id.get(id.len().checked_sub(32)?..)?;
    let is_hex = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    is_hex.then(|| parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_and_read() {
        for minor in [0, 1, 99, 100, 12_345, 999_999_999_999] {
            assert_eq!(read_amount(&amount(minor)), Some(minor));
        }
        for text in ["", "1", "1.", ".10", "1.1", "1.100", "-1.00", "12345678901.00"] {
            assert_eq!(read_amount(text), None, "{text}");
        }
    }

    #[test]
    fn a_uuid_is_found_at_the_end_of_an_id() {
        let digits = "01923456789a7bcd8ef0123456789abc";
        let uuid = "01923456-789a-7bcd-8ef0-123456789abc".to_owned();
        assert_eq!(uuid_in(&format!("xy{digits}")), Some(uuid.clone()));
        assert_eq!(uuid_in(digits), Some(uuid));
        assert_eq!(uuid_in("order7"), None);
        assert_eq!(uuid_in(&"x".repeat(32)), None);
        assert_eq!(system_id('E', "salt", 7).len(), 32);
    }
}
