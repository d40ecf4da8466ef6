//! Which numbers card schemes issue: first digits, length and check digit.
//!
//! | scheme | first digits | digits |
//! |---|---|---|
//! | Visa | 4 | 13, 16, 19 |
//! | Mastercard | 51-55, 2221-2720 | 16 |
//! | American Express | 34, 37 | 15 |
//! | Discover | 6011, 644-649, 65 | 16-19 |
//! | Diners Club | 300-305, 309, 36, 38, 39 | 14-19 |
//! | JCB | 3528-3589 | 16-19 |
//! | UnionPay | 62, 81 | 16-19 |
//! | Maestro | 50, 56-58, 6 | 12-19 |
//! | Mir | 2200-2204 | 16-19 |
//!
//! Elo, Hipercard and most national schemes are within these ranges.

/// A number of 12 to 19 digits.
pub fn is_card_number(digits: &[u8]) -> bool {
    is_issued(digits) && check_digit_is_right(digits)
}

fn is_issued(digits: &[u8]) -> bool {
    let length = digits.len();
    let Some(first) = digits.first_chunk::<4>() else { return false };
    match first.iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit)) {
        4000..=4999 => matches!(length, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3090..=3099 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length),
        3528..=3589 | 8100..=8199 | 2200..=2204 => (16..=19).contains(&length),
        // Discover and UnionPay are within Maestro's range, but have no shorter numbers.
        5000..=5099 | 5600..=5899 | 6000..=6999 => (12..=19).contains(&length),
        _ => false,
    }
}

/// Luhn's formula (ISO/IEC 7812-1, annex B).
pub fn check_digit_is_right(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| u32::from(if position % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|digit| digit - b'0').collect()
    }

    #[test]
    fn a_scheme_has_first_digits_and_lengths() {
        let check = |first: &str, lengths: &[usize]| {
            let issued: Vec<usize> = (12..=19)
                .filter(|length| is_issued(&digits(&format!("{first:0<width$}", width = *length))))
                .collect();
            assert_eq!(issued, lengths, "{first}");
        };
        let maestro: Vec<usize> = (12..=19).collect();
        check("4", &[13, 16, 19]);
        for first in ["51", "55", "2221", "2720"] {
            check(first, &[16]);
        }
        check("34", &[15]);
        check("37", &[15]);
        for first in ["300", "305", "309", "36", "38", "39"] {
            check(first, &[14, 15, 16, 17, 18, 19]);
        }
        for first in ["3528", "3589", "81", "2200", "2204"] {
            check(first, &[16, 17, 18, 19]);
        }
        for first in ["50", "56", "58", "6", "6011", "62", "65", "69"] {
            check(first, &maestro);
        }
        for first in
            ["0", "1", "20", "2205", "2220", "2721", "306", "308", "31", "35", "3590", "59", "7", "80", "9"]
        {
            check(first, &[]);
        }
    }

    #[test]
    fn one_wrong_digit_makes_the_check_digit_wrong() {
        for number in ["4242424242424242", "378282246310005", "30569309025904", "675930741854"] {
            let right = digits(number);
            assert!(check_digit_is_right(&right), "{number}");
            for position in 0..right.len() {
                let mut wrong = right.clone();
                wrong[position] = (wrong[position] + 1) % 10;
                assert!(!check_digit_is_right(&wrong), "{number} at {position}");
            }
        }
    }
}
