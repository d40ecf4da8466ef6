use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

/// One number per scheme and for most lengths, with correct check digits.
const NUMBERS: [&str; 20] = [
    "4222222222222",
    "4242424242424242",
    "4307418529630741857",
    "5105105105105100",
    "5555555555554444",
    "2221307418529630",
    "2720307418529636",
    "343074185296309",
    "378282246310005",
    "6011000990139424",
    "30569309025904",
    "36307418529639",
    "3930741852963071",
    "3528307418529638",
    "6230741852963074187",
    "8130741852963078",
    "503074185292",
    "675930741854",
    "6759307418529630740",
    "2200307418529635",
];

const CARD: &str = "4242424242424242";

fn check(text: &str, expected: bool) {
    assert_eq!(is_in(text), expected, "{text:?}");
}

/// The digits with `separator` after every `size` of them.
fn grouped(number: &str, size: usize, separator: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    let groups: Vec<String> = digits.chunks(size).map(|group| group.iter().collect()).collect();
    groups.join(separator)
}

#[test]
fn every_scheme_is_found_and_a_wrong_check_digit_is_not() {
    for number in NUMBERS {
        check(number, true);
        let last = number.as_bytes()[number.len() - 1] - b'0';
        check(&format!("{}{}", &number[..number.len() - 1], (last + 1) % 10), false);
    }
}

#[test]
fn separators_between_the_digits_do_not_hide_it() {
    let separators = [
        " ",
        "-",
        ".",
        "/",
        "_",
        ",",
        "\n",
        "\r\n",
        "\t",
        "  ",
        " - ",
        ", ",
        "*",
        "|",
        ":",
        ";",
        "+",
        "\u{A0}",
        "\u{202F}",
        "\u{2009}",
        "\u{3000}",
        "\u{2010}",
        "\u{2011}",
        "\u{2013}",
        "\u{2014}",
        "\u{2212}",
        "\u{FF0D}",
        "\u{200B}",
        "\u{200D}",
        "\u{2060}",
        "\u{FEFF}",
        "\u{AD}",
        "\u{34F}",
        "\u{3164}",
        "\u{2028}",
        "\u{FE0F}\u{20E3}",
    ];
    for number in NUMBERS {
        for separator in separators {
            for size in 1..=number.len() {
                check(&grouped(number, size, separator), true);
            }
        }
    }
    check("3782 822463 10005", true);
    check("424242 4242424242", true);
    check("4242-4242 4242/4242", true);
    check("4(242)4242-4242.4242", true);
}

#[test]
fn digits_of_every_script_count() {
    for zero in ['０', '٠', '۰', '०', '๐', '𝟎', '𝟘', '₀'] {
        let digits =
            CARD.chars().map(|digit| char::from_u32(zero as u32 + digit.to_digit(10).unwrap()).unwrap());
        let written: String = digits.collect();
        check(&written, true);
        check(&grouped(&written, 4, "\u{2003}"), true);
    }
    check("４２42 ٤٢४२ 4242 4242", true);
}

#[test]
fn surrounding_words_do_not_hide_it() {
    for text in [
        "tok_4242424242424242",
        "tok4242424242424242",
        "4242424242424242exp1227",
        "my card is 4242 4242 4242 4242, until 12/27",
        "card4242 4242 4242 4242",
        "4242-4242-4242-4242x",
        "nr3782 822463 10005",
        "12/27 4242424242424242 123",
        "4242424242424242 12/27 123",
        "4242 4242 4242 4242 123",
        "a\u{200B}4\u{200B}242424242424242\u{200B}b",
        "42424242424242\u{200B}42",
        "4242424242424242\u{200B}7",
        "30.07.2026 4242 4242 4242 4242",
        "12:30 4242424242424242 12:45",
        "01936d3c-7a2b-4c1d-8e9f-42424242aaaa 4242424242424242",
        "ana.4242424242424242@example.com",
        "https://shop.example/4242424242424242?a=1",
        "https://shop.example/?card=4242%204242%204242%204242",
        "https://shop.example/?to=https%3A%2F%2Fa.example%2F%3Fcard%3D4242%25204242%25204242%25204242",
        "%34%32%34%32%34%32%34%32%34%32%34%32%34%32%34%32",
        "+4242424242424242",
    ] {
        check(text, true);
    }
}

#[test]
fn other_numbers_are_not_card_numbers() {
    for text in [
        "",
        "4242424242424241",
        "42424242424242424242",
        "424242424242424242424242",
        "1234567812345670",
        "9999999999999995",
        "pm_card_visa",
        "pm_1NXWPnLkdIwHu7ixB7HNLYIg",
        "tok_1",
        "INV-2026-07-30-0001",
        "4242 a 4242 b 4242 c 4242",
        "+351 900 000 000",
        "1785398400000",
        "1785398400000-1785398400001",
        "2026-12-30 12:34:56.123456+02:00",
        "2026-12-30T09:50:30.123456789+02:00",
        "30.07.2026 - 31.07.2026",
        "10:45, 11:45, 12:45, 13:45, 14:45, 15:45, 16:45",
        "GA1.2.423456789.1785398400",
        "50.0755381, 14.4378005",
        "00000000-0000-0000-0000-000000000005",
        "42424242-4242-4242-4242-424242424242",
        "01936d3c7a2b4c1d8e9f4242424242424242",
        "100 % of 4,242",
    ] {
        check(text, false);
    }
}

#[test]
fn a_phone_number_is_recognised_by_its_plus_and_length() {
    for (text, expected) in [
        ("+351 917 707 707", false),
        ("+378282246310005", false),
        ("(+49) 176 / 42424242", false),
        (" +42-4242-4242-4242", false),
        ("+4242424242424242", true),
        ("+351 917 707 707 or 4242424242424242", true),
        ("+1 x 378282246310005", true),
        ("378282246310005", true),
        ("00351917707707", false),
        ("＋378282246310005", false),
    ] {
        assert_eq!(is_in_phone(text), expected, "{text}");
    }
}

#[test]
fn digits_alone_are_not_a_token() {
    for (text, expected) in [
        ("1234567812345670", true),
        ("1234-5678 1234.5670", true),
        ("１２３４５６７８１２３４５６７０", true),
        ("1234567812345671", false),
        ("tok_1234567812345670", false),
        ("12345678123456701234", false),
        ("", false),
    ] {
        assert_eq!(is_all_of(text), expected, "{text}");
    }
}

/// How many of the random texts are taken for card numbers.
fn alarms(seed: u64, count: u32, text: impl Fn(&mut StdRng) -> String) -> u32 {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|_| u32::from(is_in(&text(&mut random)))).sum()
}

fn from_alphabet(random: &mut StdRng, alphabet: &str, length: usize) -> String {
    let letters = alphabet.as_bytes();
    (0..length).map(|_| char::from(letters[random.random_range(0..letters.len())])).collect()
}

#[test]
fn no_uuid_and_no_time_of_this_decade_is_a_card_number() {
    let any = |random: &mut StdRng| uuid::Uuid::from_u128(random.random()).to_string();
    let version_4 = |random: &mut StdRng| uuid::Builder::from_random_bytes(random.random()).into_uuid();
    assert_eq!(alarms(1, 500_000, any), 0);
    assert_eq!(alarms(2, 500_000, |random| version_4(random).to_string()), 0);
    assert_eq!(alarms(3, 200_000, |random| version_4(random).simple().to_string()), 0);
    assert_eq!(alarms(4, 100_000, |random| format!("order_{}_1", version_4(random))), 0);

    let second = |random: &mut StdRng| random.random_range(1_577_836_800_i64..1_893_456_000);
    let at = |random: &mut StdRng| {
        let nanosecond = random.random_range(0..1_000_000_000);
        jiff::Timestamp::new(second(random), nanosecond).unwrap()
    };
    assert_eq!(alarms(5, 200_000, |random| at(random).as_millisecond().to_string()), 0);
    assert_eq!(alarms(6, 100_000, |random| at(random).as_microsecond().to_string()), 0);
    assert_eq!(alarms(7, 100_000, |random| at(random).to_string()), 0);
    assert_eq!(alarms(8, 50_000, |random| format!("{:.3}+02:00", at(random).strftime("%F %T%.f"))), 0);
    assert_eq!(alarms(9, 50_000, |random| at(random).strftime("%d.%m.%Y %H:%M:%S%.6f").to_string()), 0);
    assert_eq!(alarms(10, 50_000, |random| format!("{}.{}", random.random::<u32>(), second(random))), 0);
}

#[test]
fn no_e_164_number_is_a_card_number_where_a_phone_number_belongs() {
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..200_000 {
        let length = random.random_range(7..=15);
        let number = format!("+{}", from_alphabet(&mut random, "0123456789", length));
        assert!(!is_in_phone(&number) && !is_in_phone(&grouped(&number, 3, " ")), "{number}");
    }
}

/// A body is checked before the length of its texts is known.
#[test]
fn a_long_text_is_read_in_one_pass() {
    for filling in ["1", "a", "ab12", "1 ", "4242 ", "0.1 ", "12:", "2026-", "%31", "%25", "\u{200B}1"] {
        let long = filling.repeat(64 * 1024 / filling.len());
        let begun = std::time::Instant::now();
        let _whatever = is_in(&format!("g{long}")) | is_in(&format!("{CARD} g{long}"));
        // Quadratic time would take minutes.
        assert!(begun.elapsed().as_secs() < 5, "{filling}");
    }
}

/// The other figures of the table in the module's documentation.
#[test]
fn false_alarms_are_rare() {
    let check = |seed, count: u32, one_in: u32, alphabet: &'static str, length| {
        let found = alarms(seed, count, |random| from_alphabet(random, alphabet, length));
        assert!(found * one_in <= count, "{found} of {count} texts of {length} out of {alphabet}");
    };
    check(12, 50_000, 5_000, "0123456789abcdef", 32);
    check(13, 20_000, 20_000, "0123456789abcdef", 64);
    check(14, 50_000, 1_500, "0123456789abcdef", 24);
    check(15, 100_000, 100_000, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26);
    check(16, 100_000, 100_000, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 24);
    check(17, 50_000, 24, "0123456789", 16);
}
