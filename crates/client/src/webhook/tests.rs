use http::HeaderValue;
use proptest::prelude::*;

use super::*;

/// The example of the scheme's own libraries.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID_SENT: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const AT: i64 = 1_649_367_553;
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const V1: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn signed<'a>(id: &'a str, timestamp: &'a str, signature: &'a str) -> Signed<'a> {
    Signed { id, timestamp, signature }
}

fn verdict(secrets: &[&str], signed: &Signed<'_>, body: &[u8], now: i64) -> Result<(), DeliveryRefused> {
    Verifier::new(secrets).unwrap().verify_at(signed, body, at(now)).map(|_| ())
}

#[test]
fn only_a_valid_signature_is_accepted() {
    let seconds = AT.to_string();
    let zeros = STANDARD.encode([0; 32]);
    let check = |id: &str, timestamp: &str, signature: &str, expected: Result<(), DeliveryRefused>| {
        let verdict = verdict(&[SECRET], &signed(id, timestamp, signature), BODY, AT);
        assert_eq!(verdict, expected, "{id} {timestamp} {signature}");
    };
    let no_match = Err(DeliveryRefused::SignatureDoesNotMatch);
    let malformed = Err(DeliveryRefused::HeaderMalformed);
    check(ID_SENT, &seconds, V1, Ok(()));
    check(ID_SENT, &seconds, &format!("v1,{zeros} {V1}"), Ok(()));
    check(ID_SENT, &seconds, &format!("v1a,{zeros} v1,none {V1} v2,x"), Ok(()));
    check(ID_SENT, &seconds, &format!("  {V1} "), Ok(()));
    check(ID_SENT, &seconds, &format!("v1,{zeros}"), no_match);
    check(ID_SENT, &seconds, &V1.replace("v1,", "v1a,"), no_match);
    check(ID_SENT, &seconds, &V1.replace("v1,", "V1,"), no_match);
    check(ID_SENT, &seconds, &V1.replace("v1,", ""), no_match);
    check(ID_SENT, &seconds, &V1[..V1.len() - 1], no_match);
    check(ID_SENT, &seconds, "", no_match);
    check(ID_SENT, &seconds, "v1,", no_match);
    check("msg_another", &seconds, V1, no_match);
    check(ID_SENT, &(AT + 1).to_string(), V1, no_match);
    check(ID_SENT, &format!("0{seconds}"), V1, no_match);
    let many = format!("{}{V1}", format!("v1,{zeros} ").repeat(SIGNATURES_MAX));
    check(ID_SENT, &seconds, &many, no_match);
    check(ID_SENT, &seconds, &format!("{V1} {}", "x".repeat(HEADER_BYTES_MAX)), malformed);
    check("", &seconds, V1, malformed);
    check("msg.a", &seconds, V1, malformed);
    for timestamp in ["", "-1", "+1", "1.5", "soon", "1649367553 ", "9999999999999", "999999999999"] {
        check(ID_SENT, timestamp, V1, malformed);
    }
}

/// The signed text is `id.timestamp.body`: a part that moves across a dot must not verify.
#[test]
fn the_signed_parts_are_separated() {
    let key = key(SECRET).unwrap();
    let text = |id, timestamp, body| sign(&key, &signed(id, timestamp, ""), body);
    let signature = format!("v1,{}", STANDARD.encode(text("msg", "1649367553", b"7.x")));
    assert_eq!(verdict(&[SECRET], &signed("msg", "1649367553", &signature), b"7.x", AT), Ok(()));
    let moved = signed("msg.1649367553", "7", &signature);
    assert_eq!(verdict(&[SECRET], &moved, b"x", 7), Err(DeliveryRefused::HeaderMalformed));
}

#[test]
fn each_current_secret_is_accepted_and_no_other() {
    let seconds = AT.to_string();
    let check = |secrets: &[&str], body: &[u8], expected: Result<(), DeliveryRefused>| {
        let verdict = verdict(secrets, &signed(ID_SENT, &seconds, V1), body, AT);
        assert_eq!(verdict, expected, "{secrets:?}");
    };
    let no_match = Err(DeliveryRefused::SignatureDoesNotMatch);
    check(&[OTHER, SECRET], BODY, Ok(()));
    check(&[SECRET, OTHER], BODY, Ok(()));
    check(&[OTHER], BODY, no_match);
    check(&[], BODY, no_match);
    check(&[SECRET], b"", no_match);
    check(&[SECRET], &[BODY, b"\n"].concat(), no_match);
}

#[test]
fn the_time_may_be_neither_too_old_nor_in_the_future() {
    let seconds = AT.to_string();
    let check = |now: i64, expected: Result<(), DeliveryRefused>| {
        assert_eq!(verdict(&[SECRET], &signed(ID_SENT, &seconds, V1), BODY, now), expected, "{now}");
    };
    check(AT + 300, Ok(()));
    check(AT + 301, Err(DeliveryRefused::TooOld));
    check(AT - 300, Ok(()));
    check(AT - 301, Err(DeliveryRefused::FromTheFuture));
    let strict = Verifier::new([SECRET]).unwrap().tolerance(Duration::ZERO);
    let verdict = |now| strict.verify_at(&signed(ID_SENT, &seconds, V1), BODY, at(now)).map(|_| ());
    assert_eq!(verdict(AT), Ok(()));
    assert_eq!(verdict(AT + 1), Err(DeliveryRefused::TooOld));
}

#[test]
fn malformed_secrets_are_refused() {
    let check = |secret: &str, fine: bool| {
        assert_eq!(Verifier::new([secret]).is_ok(), fine, "{secret}");
    };
    check(SECRET, true);
    check("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", true);
    check("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true);
    check("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", false);
    check("whsec_", false);
    check("whsec_not base64", false);
    check("whsk_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", false);
    assert!(!format!("{:?}", Verifier::new([SECRET]).unwrap()).contains("C2FV"));
}

#[test]
fn each_header_must_occur_once() {
    let verifier = Verifier::new([SECRET]).unwrap();
    let mut headers = HeaderMap::new();
    assert_eq!(verifier.verify(&headers, BODY), Err(DeliveryRefused::HeaderMissing));
    headers.insert(ID, HeaderValue::from_static(ID_SENT));
    headers.insert(TIMESTAMP, HeaderValue::from(AT));
    assert_eq!(verifier.verify(&headers, BODY), Err(DeliveryRefused::HeaderMissing));
    headers.insert(SIGNATURE, HeaderValue::from_static(V1));
    // At the current time, years after it was signed.
    assert_eq!(verifier.verify(&headers, BODY), Err(DeliveryRefused::TooOld));
    let delivery = verifier.verify_at(&Signed::of(&headers).unwrap(), BODY, at(AT));
    assert_eq!(delivery, Ok(Delivery { id: ID_SENT, sent_at: at(AT) }));
    headers.insert(ID, HeaderValue::from_bytes(b"msg\xff").unwrap());
    assert_eq!(verifier.verify(&headers, BODY), Err(DeliveryRefused::HeaderMalformed));
    headers.append(ID, HeaderValue::from_static(ID_SENT));
    assert_eq!(verifier.verify(&headers, BODY), Err(DeliveryRefused::HeaderMissing));
}

proptest! {
    /// Arbitrary deliveries are refused without a panic.
    #[test]
    fn any_delivery_is_refused(id in ".*", timestamp in ".*", signature in ".*", body in any::<Vec<u8>>(), now in -9_000_000_000_i64..9_000_000_000) {
        let verifier = Verifier::new([SECRET]).unwrap();
        prop_assert!(verifier.verify_at(&signed(&id, &timestamp, &signature), &body, at(now)).is_err());
    }

    /// A change of one bit in the signed text is refused.
    #[test]
    fn a_changed_bit_is_refused(body in prop::collection::vec(any::<u8>(), 1..200), at_bit in any::<prop::sample::Index>()) {
        let seconds = AT.to_string();
        let signature = format!("v1,{}", STANDARD.encode(sign(&key(SECRET).unwrap(), &signed(ID_SENT, &seconds, ""), &body)));
        let signed = signed(ID_SENT, &seconds, &signature);
        prop_assert_eq!(verdict(&[SECRET], &signed, &body, AT), Ok(()));
        let mut changed = body;
        let bit = at_bit.index(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(verdict(&[SECRET], &signed, &changed, AT), Err(DeliveryRefused::SignatureDoesNotMatch));
    }
}
