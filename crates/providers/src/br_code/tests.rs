use proptest::prelude::*;

use super::*;

/// Codes that the central bank publishes as examples of its API.
const PUBLISHED: [(&str, Option<&str>); 3] = [
    (
        "00020126180014br.gov.bcb.pix5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/2353c790eefb11eaadc10242ac120002630462C9",
        None,
    ),
    (
        "00020101021226760014br.gov.bcb.pix2554pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa35319489063047741",
        Some("pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd441"),
    ),
    (
        "00020101021226810014br.gov.bcb.pix2559pix.example.com/qr/v2/cobv/1e6c54d3ec9449b7a7fc53b6b0f998e75204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/3ffa640fa4f14080adccb949fa2dc0d06304A441",
        Some("pix.example.com/qr/v2/cobv/1e6c54d3ec9449b7a7fc53b6b0f998e7"),
    ),
];

#[test]
fn the_checksum_is_that_of_the_standard() {
    assert_eq!(crc16(b"123456789"), 0x29B1);
    assert_eq!(crc16(b""), 0xFFFF);
}

#[test]
fn published_codes_are_read() {
    for (code, location) in PUBLISHED {
        let read = BrCode::parse(code).unwrap();
        assert_eq!(read.location.as_deref(), location, "{code}");
        assert_eq!((read.receiver_name.as_str(), read.receiver_city.as_str()), ("Fulano de Tal", "BRASILIA"));
        assert_eq!((read.txid, read.amount, read.key), (None, None, None));
    }
}

#[test]
fn a_code_of_a_location_is_for_one_payment() {
    let code = BrCode::of_location("pix.example.com/qr/v2/1", "Harbour Tours", "RECIFE").write().unwrap();
    assert!(code.starts_with("00020101021226450014br.gov.bcb.pix2523pix.example.com/qr/v2/1"), "{code}");
    assert!(code.contains("5802BR5913Harbour Tours6006RECIFE62070503***6304"), "{code}");
}

#[test]
fn a_code_that_is_not_one_is_refused() {
    let check = |code: &str, expected: Error| assert_eq!(BrCode::parse(code), Err(expected), "{code}");
    let (whole, _) = PUBLISHED[1];
    check("", Error::WrongChecksum);
    check(&whole[..whole.len() - 1], Error::NotFields);
    check(&whole[..whole.len() - 8], Error::WrongChecksum);
    check(&whole.replace("Fulano", "Sicrano"), Error::NotFields);
    check(&whole.replace("Fulano", "Fulana"), Error::WrongChecksum);
    check(&format!("{whole}0001x"), Error::WrongChecksum);
    check("0002é", Error::NotFields);
    check("é", Error::NotFields);
    check(&"0".repeat(CHARACTERS_MAX + 1), Error::TooLong);
    let mut other = "00020153039865802BR6304".to_owned();
    write!(other, "{:04X}", crc16(other.as_bytes())).unwrap();
    check(&other, Error::NotPix);
}

#[test]
fn a_value_that_does_not_fit_is_not_written() {
    let check = |location: &str, name: &str, city: &str, expected: Result<(), Error>| {
        let written = BrCode::of_location(location, name, city).write().map(drop);
        assert_eq!(written, expected, "{location} {name} {city}");
    };
    check("a", "b", "c", Ok(()));
    check("a", &"b".repeat(25), &"c".repeat(15), Ok(()));
    check("a", &"b".repeat(26), "c", Err(Error::ValueDoesNotFit));
    check("a", "b", &"c".repeat(16), Err(Error::ValueDoesNotFit));
    check("a", "", "c", Err(Error::ValueDoesNotFit));
    check("a", "b", "", Err(Error::ValueDoesNotFit));
    check("", "b", "c", Err(Error::ValueDoesNotFit));
    check(&"a".repeat(77), "b", "c", Ok(()));
    check(&"a".repeat(78), "b", "c", Err(Error::ValueDoesNotFit));
}

type Text = BoxedStrategy<String>;

/// Any characters: a length counts characters, and not bytes.
fn any_text(most: usize) -> Text {
    let letters = proptest::collection::vec(any::<char>(), 1..=most);
    letters.prop_map(|letters| letters.into_iter().collect()).boxed()
}

/// A checksum finds each change of one byte.
fn plain_text(most: usize) -> Text {
    proptest::string::string_regex(&format!("[ -~]{{1,{most}}}")).unwrap().boxed()
}

fn code(text: fn(usize) -> Text) -> impl Strategy<Value = BrCode> {
    let key = text(40).prop_map(|key| (Some(key), None));
    let location = text(40).prop_map(|location| (None, Some(location)));
    let amount = proptest::option::of("[1-9][0-9]{0,9}\\.[0-9]{2}");
    let txid = proptest::option::of("[a-zA-Z0-9]{1,25}");
    (prop_oneof![key, location], amount, text(25), text(15), txid).prop_map(
        |((key, location), amount, receiver_name, receiver_city, txid)| BrCode {
            key,
            location,
            amount,
            receiver_name,
            receiver_city,
            txid,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(code in code(any_text)) {
        prop_assert_eq!(BrCode::parse(&code.write().unwrap()), Ok(code));
    }

    #[test]
    fn a_code_with_another_character_is_refused(
        code in code(plain_text), at in any::<prop::sample::Index>(), other in b' '..=b'~',
    ) {
        let written = code.write().unwrap();
        let mut changed = written.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = other;
        let changed = String::from_utf8(changed).unwrap();
        // The digits of the checksum are read in either case.
        prop_assume!(!changed.eq_ignore_ascii_case(&written) || at < written.len() - 4);
        prop_assume!(changed != written);
        prop_assert!(BrCode::parse(&changed).is_err(), "{} {}", written, changed);
    }

    #[test]
    fn no_text_stops_the_reader(text in any::<String>()) {
        let _ = BrCode::parse(&text);
    }
}
