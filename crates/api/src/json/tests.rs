use serde_json::json;

use super::*;
use crate::requests::{NewBooking, NewCancellation};

#[test]
fn invalid_json_is_refused() {
    let check = |body: &[u8], why: &str| {
        let MalformedJson(message) = parse::<NewBooking>(body).expect_err(why);
        assert!(message.contains(why), "{message} does not say {why}");
    };
    check(b"", "the body is missing");
    check(b"{", "EOF");
    check(b"{} {}", "trailing");
    check(br#"{"a":1,}"#, "trailing comma");
    check(b"{'a':1}", "key must be a string");
    check(b"\xff", "UTF-8");
    check(b"\"\xed\xa0\x80\"", "UTF-8");
    check(br#"{"a":1,"a":1}"#, "occurs twice");
    check(br#"{"b":{"a":1,"\u0061":2}}"#, "occurs twice");
    check(br#"{"a":9007199254740992}"#, "2^53");
    check(br#"{"a":-9007199254740992}"#, "2^53");
    check(br#"{"a":9007199254740992.0}"#, "2^53");
    check(br#"{"a":123456789012345678901234567890}"#, "2^53");
    check(br#"{"a":1e20}"#, "2^53");
    check(br#"{"a":1e999}"#, "out of range");
    check(b"{\"a\":\"\x00\"}", "control character");
    check(br#"{"a":"\ud800"}"#, "hex escape");
    check(format!("{}{}", "[".repeat(33), "]".repeat(33)).as_bytes(), "nested deeper");
    check("[".repeat(60_000).as_bytes(), "nested deeper");
    check(b"NaN", "expected");
    check("\u{feff}{}".as_bytes(), "expected value");
}

#[test]
fn valid_json_is_accepted() {
    let check =
        |body: &str, value: Value| assert_eq!(parse::<NewCancellation>(body.as_bytes()).unwrap(), value);
    check("", json!({}));
    check(
        r#"{"a":9007199254740991,"b":-9007199254740991}"#,
        json!({
            "a": 9_007_199_254_740_991_i64, "b": -9_007_199_254_740_991_i64,
        }),
    );
    check(r#" [null, true, 1.5, "\u0061"] "#, json!([null, true, 1.5, "a"]));
    check(
        "[1.0, -2.50e1, 3E2, -0.0, 9007199254740991.0]",
        json!([1, -25, 300, 0, 9_007_199_254_740_991_i64]),
    );
    check(&format!("{}{}", "[".repeat(32), "]".repeat(32)), {
        (0..31).fold(json!([]), |inner, _| json!([inner]))
    });
}

#[test]
fn equal_values_have_one_canonical_form() {
    let form = |body: &str| {
        String::from_utf8(canonical(&parse::<NewCancellation>(body.as_bytes()).unwrap())).unwrap()
    };
    assert_eq!(form(r#"{ "b" : 1.0, "a":[1e1, "\u00e9"] }"#), r#"{"a":[10,"é"],"b":1}"#);
    assert_eq!(form(r#"{"b":1,"a":[10,"é"]}"#), r#"{"a":[10,"é"],"b":1}"#);
    assert_eq!(form(""), form("{ }"));
}

#[test]
fn a_mistake_has_a_place() {
    let check = |body: Value, pointer: &str, detail: &str| {
        let findings = decode::<NewBooking>(body).expect_err(detail);
        let mistake = &findings.errors()[0];
        assert_eq!(mistake.pointer, pointer, "{mistake:?}");
        assert!(mistake.detail.contains(detail), "{mistake:?}");
    };
    let unit = json!({ "unit_id": "00000000-0000-0000-0000-000000000004", "quantity": 1 });
    let customer = json!({ "name": "Ana", "email": "ana@example.com" });
    let slot = "00000000-0000-0000-0000-000000000005";
    check(json!({ "slot_id": "x", "units": [unit], "customer": customer }), "/slot_id", "UUID");
    check(json!({ "slot_id": slot, "units": [unit], "customer": {} }), "/customer/name", "missing");
    check(
        json!({ "slot_id": slot, "units": [unit, { "unit_id": slot, "quantity": "2" }], "customer": customer }),
        "/units/1/quantity",
        "integer",
    );
    check(
        json!({ "slot_id": slot, "units": [unit], "customer": customer, "colour": 1 }),
        "/colour",
        "not known",
    );
    check(json!([]), "", "must be an object");
}

#[test]
fn an_empty_body_is_an_empty_request() {
    assert!(decode::<NewCancellation>(parse::<NewCancellation>(b"").unwrap()).is_ok());
    assert!(decode::<NewCancellation>(json!({ "a": 1 })).is_err());
}
