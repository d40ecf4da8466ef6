//! Forms that have as many digits as a card number but are not one. Each is recognised as a whole.
//!
//! | form | example |
//! |---|---|
//! | UUID (RFC 9562) | `01936d3c-7a2b-4c1d-8e9f-42424242aaaa`, or with a version and a variant and no hyphens |
//! | hash or token of 32 hexadecimal digits or more, six of them letters | `5d41402abc4b2a76b9719d911017c592` |
//! | date, years 1900 to 2199 | `2026-07-30`, `30.07.2026`, `7/30/2026` |
//! | time of day | `9:30`, `23:59:59.123456` |
//! | Unix time, 2017 to 2033, in seconds or milliseconds | `1785398400`, `1785398400000` |
//! | coordinates | `50.0755381, 14.4378005` |

use std::ops::Range;

const HASH_DIGITS_MIN: usize = 32;
/// On average, twelve of 32 random hexadecimal digits are letters.
const HASH_LETTERS_MIN: usize = 6;

/// The ranges of such forms in the text.
pub fn ranges(letters: &[char]) -> Vec<Range<usize>> {
    let forms: [fn(&mut Reader<'_>) -> Option<()>; 6] = [uuid, hash, date, time, unix_time, coordinates];
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        // No form starts inside a run of digits, so a long run is not read from each of its digits.
        if letters[at].is_ascii_digit() && at > 0 && letters[at - 1].is_ascii_digit() {
            at += 1;
            continue;
        }
        let length = forms.iter().find_map(|form| {
            let mut reader = Reader { letters, from: at, at };
            form(&mut reader).map(|()| reader.at - at)
        });
        if let Some(length) = length {
            found.push(at..at + length);
        }
        at += length.unwrap_or(1);
    }
    found
}

/// Reads forwards from one position; `None` means that the form does not match.
struct Reader<'a> {
    letters: &'a [char],
    from: usize,
    at: usize,
}

impl Reader<'_> {
    fn next(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn before(&self, count: usize) -> Option<char> {
        self.letters.get(self.from.checked_sub(count)?).copied()
    }

    fn one_of(&mut self, any: &[char]) -> Option<char> {
        let next = self.next().filter(|next| any.contains(next))?;
        self.at += 1;
        Some(next)
    }

    /// All adjacent digits, if they are this many.
    fn digits(&mut self, count: Range<usize>) -> Option<u64> {
        let begin = self.at;
        while self.at < begin + count.end && self.next().is_some_and(|next| next.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.letters[begin..self.at];
        if !count.contains(&digits.len()) {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit.to_digit(10)?))
        })
    }

    fn hexadecimal(&mut self, count: usize) -> Option<()> {
        let digits = self.letters.get(self.at..self.at + count)?;
        self.at += count;
        digits.iter().all(char::is_ascii_hexdigit).then_some(())
    }

    fn stands_alone(&self, within: impl Fn(char) -> bool) -> Option<()> {
        let touches = self.before(1).is_some_and(&within) || self.next().is_some_and(&within);
        (!touches).then_some(())
    }

    /// No digit is beside it or after `separator`: a part of a longer form does not count.
    fn is_whole(&self, separator: char) -> Option<()> {
        self.stands_alone(|letter| letter.is_ascii_digit())?;
        let digit = |letter: Option<&char>| letter.is_some_and(char::is_ascii_digit);
        let goes_on = self.next() == Some(separator) && digit(self.letters.get(self.at + 1));
        let began = self.before(1) == Some(separator) && digit(self.before(2).as_ref());
        (!goes_on && !began).then_some(())
    }
}

fn uuid(reader: &mut Reader<'_>) -> Option<()> {
    reader.hexadecimal(8)?;
    if reader.next() != Some('-') {
        reader.hexadecimal(24)?;
        let (version, variant) = (reader.letters[reader.from + 12], reader.letters[reader.from + 16]);
        matches!((version, variant), ('1'..='8', '8' | '9' | 'a' | 'b' | 'A' | 'B')).then_some(())?;
        return reader.stands_alone(char::is_alphanumeric);
    }
    for count in [4, 4, 4, 12] {
        reader.one_of(&['-'])?;
        reader.hexadecimal(count)?;
    }
    reader.stands_alone(|letter| letter.is_ascii_hexdigit())
}

fn hash(reader: &mut Reader<'_>) -> Option<()> {
    if reader.before(1).is_some_and(char::is_alphanumeric) {
        return None;
    }
    let word = &reader.letters[reader.at..];
    let length = word.iter().take_while(|letter| letter.is_ascii_hexdigit()).count();
    let letters = word[..length].iter().filter(|letter| letter.is_ascii_alphabetic()).count();
    (length >= HASH_DIGITS_MIN && letters >= HASH_LETTERS_MIN).then_some(())?;
    reader.at += length;
    reader.stands_alone(char::is_alphanumeric)
}

fn date(reader: &mut Reader<'_>) -> Option<()> {
    let first = reader.digits(1..5)?;
    let separator = reader.one_of(&['-', '.', '/'])?;
    let second = reader.digits(1..3)?;
    reader.one_of(&[separator])?;
    let third = reader.digits(1..5)?;
    let year = |number: u64| (1900..2200).contains(&number);
    let day_and_month =
        |one: u64, other: u64| one.min(other) >= 1 && one.min(other) <= 12 && one.max(other) <= 31;
    let sane = (year(first) && day_and_month(second, third)) || (year(third) && day_and_month(first, second));
    sane.then_some(())?;
    reader.is_whole(separator)
}

fn time(reader: &mut Reader<'_>) -> Option<()> {
    let within = |number: u64, max: u64| (number <= max).then_some(());
    within(reader.digits(1..3)?, 24)?;
    reader.one_of(&[':'])?;
    within(reader.digits(2..3)?, 59)?;
    if reader.next() == Some(':') {
        reader.one_of(&[':'])?;
        within(reader.digits(2..3)?, 60)?;
        let point = reader.at;
        if reader.one_of(&['.', ',']).is_some() && reader.digits(1..10).is_none() {
            reader.at = point;
        }
    }
    reader.is_whole(':')
}

fn unix_time(reader: &mut Reader<'_>) -> Option<()> {
    let number = reader.digits(10..14)?;
    let seconds = match reader.at - reader.from {
        10 => number,
        13 => number / 1_000,
        _ => return None,
    };
    (1_500_000_000..2_000_000_000).contains(&seconds).then_some(())?;
    reader.stands_alone(|letter| letter.is_ascii_digit())
}

fn coordinates(reader: &mut Reader<'_>) -> Option<()> {
    degrees(reader, 90)?;
    let comma = reader.one_of(&[',', ';', ' '])?;
    if comma != ' ' {
        let _beside = reader.one_of(&[' ']);
    }
    degrees(reader, 180)?;
    reader.is_whole('.')
}

/// With a precision of eleven meters or better.
fn degrees(reader: &mut Reader<'_>, max: u64) -> Option<()> {
    let _sign = reader.one_of(&['-', '+']);
    (reader.digits(1..4)? <= max).then_some(())?;
    reader.one_of(&['.'])?;
    reader.digits(4..16)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks what is recognised in each text with square brackets.
    fn check(text: &str, expected: &str) {
        let letters: Vec<char> = text.chars().collect();
        let mut shown = String::new();
        let mut at = 0;
        for range in ranges(&letters) {
            shown.extend(&letters[at..range.start]);
            shown.push('[');
            shown.extend(&letters[range.clone()]);
            shown.push(']');
            at = range.end;
        }
        shown.extend(&letters[at..]);
        assert_eq!(shown, expected);
    }

    #[test]
    fn uuids() {
        check("key_01936d3c-7a2b-4c1d-8e9f-42424242aaaa.", "key_[01936d3c-7a2b-4c1d-8e9f-42424242aaaa].");
        check("0193603270204010809042424242000a", "[0193603270204010809042424242000a]");
        check("0193603270200010809042424242000a", "0193603270200010809042424242000a");
        check("01936d3c-7a2b-4c1d-8e9f-42424242aaaa4", "01936d3c-7a2b-4c1d-8e9f-42424242aaaa4");
        check("a01936d3c-7a2b-4c1d-8e9f-42424242aaaa", "a01936d3c-7a2b-4c1d-8e9f-42424242aaaa");
        check("4242-4242-4242-4242", "4242-4242-4242-4242");
    }

    #[test]
    fn hashes() {
        check("md5 5d41402abc4b2a76b9719d911017c592.", "md5 [5d41402abc4b2a76b9719d911017c592].");
        for none in [
            "5d41402abc4b2a76b9719d911017c59",
            "5d41402abc4b2a76b9719d911017c592g",
            "4242424242424242424242424242abcde0",
        ] {
            check(none, none);
        }
    }

    #[test]
    fn dates_and_times() {
        check("2026-07-30T12:30:59.123456+02:00", "[2026-07-30]T[12:30:59.123456]+[02:00]");
        check("30.07.2026 - 31.7.2026", "[30.07.2026] - [31.7.2026]");
        check("7/30/2026, 9:30", "[7/30/2026], [9:30]");
        check("at 12:30:59.", "at [12:30:59].");
        for none in [
            "2026-13-30",
            "30.07.26",
            "42.42.2026",
            "0.07.2026",
            "4242-2012-12-12",
            "2012-12-12-4242",
            "12-12-20121",
            "25:00",
            "12:60",
            "42:42:42:42",
            "10:51:05:10",
            "1:2",
            "",
        ] {
            check(none, none);
        }
    }

    #[test]
    fn unix_times() {
        check("GA1.2.423456789.1785398400", "GA1.2.423456789.[1785398400]");
        check("1785398400000-4242", "[1785398400000]-4242");
        for none in ["4242424242", "17853984001", "178539840000", "2020360505"] {
            check(none, none);
        }
    }

    #[test]
    fn pairs_of_coordinates() {
        check("50.0755381,14.4378005", "[50.0755381,14.4378005]");
        check("at -38.72233, -9.13933;", "at [-38.72233, -9.13933];");
        for none in ["42.4242.4242,4.2424", "95.1234, 10.1234", "42.42, 42.4242", "4242.4242 42.4242"] {
            check(none, none);
        }
    }
}
