//! Finds card numbers in free text, so that they are refused before anything is stored, logged or
//! passed on.
//!
//! A card number here is 12 to 19 decimal digits of any script with only separators between them. A
//! card scheme issues its first digits and its length ([`scheme`]), and its check digit is right. A
//! window over several groups of digits starts at the start of a group and ends at the end of one.
//! One unbroken run of digits may touch letters (`tok_4242424242424242`). Several groups may not,
//! unless they are grouped as on a card, because random tokens of letters and digits have many
//! groups. A longer run that contains a card number is another number.
//!
//! Known other forms are not card numbers ([`known`]): a UUID, a date, a time of day, a Unix time,
//! a pair of coordinates.
//!
//! Remaining false alarms, measured with random texts (`false_alarms_are_rare`):
//!
//! | text | alarms |
//! |---|---|
//! | UUID, date and time, Unix time; in a phone member E.164 | none |
//! | 32 random hexadecimal digits | 1 in 15,000 |
//! | 24 random hexadecimal digits | 1 in 2,700 |
//! | ULID; 24 random letters and digits | less than 1 in 400,000 |
//! | 16 random digits and nothing else | 1 in 25 |
//!
//! What must never be here: a message, a log line or an error that contains the text.

mod digit;
mod known;
mod scheme;

use std::borrow::Cow;
use std::ops::Range;

use crate::text::is_ignorable;

/// Maestro has the shortest numbers.
const DIGITS_MIN: usize = 12;
/// ISO/IEC 7812-1 allows no longer ones.
const DIGITS_MAX: usize = 19;
/// Digits of a telephone number, by E.164.
const PHONE_DIGITS_MAX: usize = 15;
/// An address can contain an address, which can contain another one.
const DECODINGS_MAX: usize = 3;

/// Whether the text contains a card number, plain or percent-encoded.
pub fn is_in(text: &str) -> bool {
    let mut text = Cow::Borrowed(text);
    for _ in 0..DECODINGS_MAX {
        if is_plainly_in(&text) {
            return true;
        }
        match percent_decoded(&text) {
            Some(decoded) => text = Cow::Owned(decoded),
            None => return false,
        }
    }
    is_plainly_in(&text)
}

/// As `is_in`, for a member that contains a telephone number: a text that starts with `+` and has
/// at most 15 digits is a telephone number, whatever its check digit.
pub fn is_in_phone(text: &str) -> bool {
    let bare = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '(');
    if !bare.starts_with(['+', '＋']) {
        return is_in(text);
    }
    let end = bare.find(|letter: char| digit::of(letter).is_none() && letter.is_alphanumeric());
    let (number, rest) = bare.split_at(end.unwrap_or(bare.len()));
    let digits = number.chars().filter(|letter| digit::of(*letter).is_some()).count();
    if digits <= PHONE_DIGITS_MAX { is_in(rest) } else { is_in(text) }
}

/// Only digits, with or without separators, and a correct check digit. No provider's token looks
/// like this, whatever its first digits.
pub fn is_all_of(text: &str) -> bool {
    let mut digits = Vec::with_capacity(DIGITS_MAX);
    for letter in text.chars() {
        match digit::of(letter) {
            Some(digit) if digits.len() < DIGITS_MAX => digits.push(digit),
            Some(_) => return false,
            None if letter.is_alphanumeric() && !is_ignorable(letter) => return false,
            None => {}
        }
    }
    digits.len() >= DIGITS_MIN && scheme::check_digit_is_right(&digits)
}

fn is_plainly_in(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    if letters.iter().filter(|letter| digit::of(**letter).is_some()).count() < DIGITS_MIN {
        return false;
    }
    // An invisible character does not end a run of digits. If it does end one, each part is checked
    // as well.
    let visible: Vec<char> = letters.iter().copied().filter(|letter| !is_ignorable(*letter)).collect();
    is_among(&visible) || (visible.len() < letters.len() && is_among(&letters))
}

fn is_among(letters: &[char]) -> bool {
    let mut marks: Vec<Mark> = letters.iter().copied().map(Mark::of).collect();
    if !series(&marks).iter().any(Series::has_card_number) {
        return false;
    }
    for range in known::ranges(letters) {
        marks[range].fill(Mark::Known);
    }
    series(&marks).iter().any(Series::has_card_number)
}

/// The role of a character in the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Digit(u8),
    /// Ends any number that it touches.
    Letter,
    /// May be between the digits of one number.
    Separator,
    /// Part of a form that is not a card number.
    Known,
}

impl Mark {
    fn of(letter: char) -> Mark {
        match digit::of(letter) {
            Some(digit) => Mark::Digit(digit),
            None if letter.is_alphanumeric() && !is_ignorable(letter) => Mark::Letter,
            None => Mark::Separator,
        }
    }
}

/// Groups of digits with only separators between them.
#[derive(Default)]
struct Series {
    digits: Vec<u8>,
    groups: Vec<Group>,
}

struct Group {
    range: Range<usize>,
    touches_letter: bool,
}

fn series(marks: &[Mark]) -> Vec<Series> {
    let mut found = Vec::new();
    let mut open = Series::default();
    let mut before = Mark::Separator;
    for &mark in marks {
        match mark {
            Mark::Digit(digit) => open.push(digit, before),
            Mark::Letter | Mark::Known if !open.groups.is_empty() => {
                open.end(before, mark);
                found.push(std::mem::take(&mut open));
            }
            Mark::Letter | Mark::Known | Mark::Separator => {}
        }
        before = mark;
    }
    found.push(open);
    found
}

impl Series {
    fn push(&mut self, digit: u8, before: Mark) {
        let at = self.digits.len();
        self.digits.push(digit);
        match self.groups.last_mut() {
            Some(group) if matches!(before, Mark::Digit(_)) => group.range.end = at + 1,
            _ => {
                self.groups.push(Group { range: at..at + 1, touches_letter: before == Mark::Letter });
            }
        }
    }

    fn end(&mut self, before: Mark, after: Mark) {
        if let Some(group) = self.groups.last_mut()
            && matches!(before, Mark::Digit(_))
        {
            group.touches_letter |= after == Mark::Letter;
        }
    }

    fn has_card_number(&self) -> bool {
        (0..self.groups.len()).any(|first| {
            let from = self.groups[first].range.start;
            let fits = |group: &&Group| group.range.end - from <= DIGITS_MAX;
            let count = self.groups[first..].iter().take_while(fits).count();
            (1..=count).any(|count| self.is_card_number(&self.groups[first..first + count]))
        })
    }

    fn is_card_number(&self, window: &[Group]) -> bool {
        let [first, .., last] = window else {
            return window
                .first()
                .is_some_and(|only| scheme::is_card_number(&self.digits[only.range.clone()]));
        };
        let touches = first.touches_letter || last.touches_letter;
        let digits = &self.digits[first.range.start..last.range.end];
        (!touches || is_grouped_as_on_a_card(window)) && scheme::is_card_number(digits)
    }
}

/// As cards are printed, and as people copy numbers from them.
fn is_grouped_as_on_a_card(window: &[Group]) -> bool {
    let lengths: Vec<usize> = window.iter().map(|group| group.range.len()).collect();
    matches!(lengths[..], [4, 4, 4, 4] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5])
}

/// `None` if nothing is encoded.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (*first, after)
            && let Some(byte) = nibble(*high).zip(nibble(*low)).map(|(high, low)| high << 4 | low)
        {
            bytes.push(byte);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    (bytes.len() < text.len()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests;
