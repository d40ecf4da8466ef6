//! Which characters a text may contain. Every text of a request is checked before anything is read
//! from it. This stops characters that one database stores and another refuses, and characters that
//! make different names look alike.
//!
//! | characters | refused |
//! |---|---|
//! | control characters (general category Cc), except line feed, carriage return and tab | in every text |
//! | line feed, carriage return and tab | in a line |
//! | invisible characters, and characters that change the direction of a line | in a line, and in an address |
//!
//! Two kinds of invisible characters belong in names and are accepted: a joiner between two letters
//! that are not ASCII (Persian and Indic names, joined emoji), and one variation selector after a
//! character (Japanese names, emoji).

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// A control character that no text may contain; layout characters are excepted.
pub fn is_control(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')
}

/// Whether it has no width when shown (Unicode's `Default_Ignorable_Code_Point`, and controls that
/// move nothing): the characters on both sides look adjacent.
pub fn is_ignorable(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// The first invisible or direction-changing character of a line that has no reason to be there.
pub fn misplaced_invisible(line: &str) -> Option<char> {
    let letters: Vec<char> = line.chars().collect();
    let is_out_of_place = |at: &usize| {
        let (letter, before) = (letters[*at], at.checked_sub(1).map(|before| letters[before]));
        is_invisible(letter)
            && !(is_selector(letter) && before.is_some_and(is_seen))
            && !(is_joiner(letter)
                && before.is_some_and(|before| is_selector(before) || may_be_joined(before))
                && letters.get(at + 1).copied().is_some_and(may_be_joined))
    };
    (0..letters.len()).find(is_out_of_place).map(|at| letters[at])
}

/// Whether no line may contain it, at any position.
pub fn is_never_in_a_line(letter: char) -> bool {
    letter.is_control() || (is_invisible(letter) && !is_joiner(letter) && !is_selector(letter))
}

/// The first such character of a text where none is accepted.
pub fn first_invisible(text: &str) -> Option<char> {
    text.chars().find(|letter| is_invisible(*letter))
}

/// By general category: format characters, line and paragraph separators. Some invisible characters
/// are letters or symbols by category: fillers, and the Braille blank.
fn is_invisible(letter: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    let category = letter.general_category();
    matches!(category, Format | LineSeparator | ParagraphSeparator)
        || (is_ignorable(letter) && !letter.is_control())
        || letter == '\u{2800}'
}

fn is_seen(letter: char) -> bool {
    !is_invisible(letter) && !letter.is_whitespace() && !letter.is_control()
}

fn may_be_joined(letter: char) -> bool {
    !letter.is_ascii() && is_seen(letter)
}

fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200C}' | '\u{200D}')
}

fn is_selector(letter: char) -> bool {
    matches!(letter, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_other_than_layout_are_refused() {
        for letter in ['\n', '\r', '\t', 'a', 'é', '\u{A0}'] {
            assert!(!is_control(letter), "{letter:?}");
        }
        for letter in ['\0', '\u{1}', '\u{1B}', '\u{7F}', '\u{85}', '\u{9F}'] {
            assert!(is_control(letter), "{letter:?}");
        }
    }

    #[test]
    fn visible_characters_are_not_ignorable() {
        for letter in ['a', '0', ' ', '\u{A0}', '\n', '\t', '-', '\u{2011}', '\u{85}'] {
            assert!(!is_ignorable(letter), "{letter:?}");
        }
        for letter in ['\u{200B}', '\u{FEFF}', '\u{AD}', '\u{2060}', '\u{200D}', '\u{3164}', '\0'] {
            assert!(is_ignorable(letter), "{letter:?}");
        }
    }

    #[test]
    fn names_in_every_script_are_accepted() {
        for name in [
            "Ana Lima",
            "O'Brien-Núñez",
            "أحمد",
            "علی\u{200C}رضا",
            "ශ්\u{200D}රී",
            "क्\u{200D}ष",
            "葛\u{E0100}城",
            "渡邉",
            "👨\u{200D}👩\u{200D}👧 family",
            "❤\u{FE0F}\u{200D}🔥",
            "1\u{FE0F}\u{20E3} day",
            "e\u{301}",
            "a\u{A0}b",
        ] {
            assert_eq!(misplaced_invisible(name), None, "{name:?}");
        }
    }

    #[test]
    fn invisible_characters_are_misplaced() {
        for letter in [
            '\u{200B}',
            '\u{FEFF}',
            '\u{AD}',
            '\u{3164}',
            '\u{202E}',
            '\u{2028}',
            '\u{2029}',
            '\u{200E}',
            '\u{200F}',
            '\u{61C}',
            '\u{2060}',
            '\u{2066}',
            '\u{115F}',
            '\u{FFA0}',
            '\u{2800}',
            '\u{E0041}',
            '\u{34F}',
            '\u{FFF9}',
        ] {
            for name in
                [format!("A{letter}na"), format!("{letter}Ana"), format!("Ana{letter}"), letter.into()]
            {
                assert_eq!(misplaced_invisible(&name), Some(letter), "{name:?}");
                assert_eq!(first_invisible(&name), Some(letter), "{name:?}");
            }
        }
        for name in [
            "A\u{200D}na",
            "A\u{200C}na",
            "\u{200D}я",
            "я\u{200D}",
            "я \u{200D}я",
            "я\u{200D}\u{200D}я",
            "\u{FE0F}a",
            " \u{FE0F}",
            "葛\u{E0100}\u{E0100}",
        ] {
            assert!(misplaced_invisible(name).is_some(), "{name:?}");
        }
        assert_eq!(first_invisible("علی\u{200C}رضا"), Some('\u{200C}'));
    }
}
