//! Decimal digits of every script.

/// The zeros of the scripts; nine more digits follow each (Unicode 17, general category Nd).
const ZEROS: [u32; 75] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
    0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA,
    0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16A60, 0x16AC0,
    0x16B50, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1,
    0x1E950, 0x1FBF0,
];

/// Superscript, subscript and enclosed digits: the first of a range, its value, and its length.
const ORNATE: [(u32, u8, u32); 18] = [
    (0xB2, 2, 2),
    (0xB9, 1, 1),
    (0x2070, 0, 1),
    (0x2074, 4, 6),
    (0x2080, 0, 10),
    (0x2460, 1, 9),
    (0x2474, 1, 9),
    (0x2488, 1, 9),
    (0x24EA, 0, 1),
    (0x24F5, 1, 9),
    (0x24FF, 0, 1),
    (0x2776, 1, 9),
    (0x2780, 1, 9),
    (0x278A, 1, 9),
    (0x1F100, 0, 1),
    (0x1F101, 0, 10),
    (0x1F10B, 0, 1),
    (0x1F10C, 0, 1),
];

/// The value of a decimal digit.
pub fn of(letter: char) -> Option<u8> {
    if letter.is_ascii() {
        return letter.to_digit(10).map(|digit| digit as u8);
    }
    let code = letter as u32;
    let zero = ZEROS[ZEROS.partition_point(|zero| *zero <= code) - 1];
    if code - zero < 10 {
        return Some((code - zero) as u8);
    }
    let ornate = ORNATE.iter().find(|(first, _, count)| (*first..first + count).contains(&code));
    ornate.map(|(first, value, _)| value + (code - first) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_have_their_value() {
        for (text, expected) in [
            ("0123456789", "0123456789"),
            ("０１９", "019"),
            ("٠١٩", "019"),
            ("۰۱۹", "019"),
            ("०१९", "019"),
            ("𝟎𝟙𝟵", "019"),
            ("⁰¹²³⁴⁹", "012349"),
            ("₀₁₉", "019"),
            ("①⑨⓪", "190"),
        ] {
            let values: String = text.chars().map(|letter| of(letter).unwrap().to_string()).collect();
            assert_eq!(values, expected, "{text}");
        }
        for letter in ['a', 'Z', '-', ' ', 'é', '½', '十', 'Ⅳ', '\u{200B}'] {
            assert_eq!(of(letter), None, "{letter:?}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_contains_only_numerals() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]));
        // The standard library may know an older Unicode than the table.
        let strange = |code: u32| char::from_u32(code).is_some_and(char::is_alphabetic);
        assert!(ZEROS.iter().all(|zero| !(*zero..zero + 10).any(strange)));
    }
}
