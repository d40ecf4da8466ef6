//! Finds card numbers in a request. Every request is checked as a whole before any of it is
//! interpreted, so members that are added later are covered too.
//!
//! What must never be here: a pointer or a sentence that contains the number.

use serde_json::Value;

use super::ValidationErrors;
use crate::card_number;
use crate::json::escape;

const NEVER_TAKEN: &str = "looks like a card number, which is never taken";

impl ValidationErrors {
    /// Checks every text of a body and the name of every member. `phones` are the pointers of the
    /// members that contain telephone numbers.
    pub fn card_numbers_in_body(&mut self, body: &Value, phones: &[&str]) {
        self.search(body, "", phones);
    }

    fn search(&mut self, value: &Value, pointer: &str, phones: &[&str]) {
        match value {
            Value::String(text) => {
                let is_phone = phones.contains(&pointer);
                let found = if is_phone { card_number::is_in_phone(text) } else { card_number::is_in(text) };
                if found {
                    self.add_card_number(pointer);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.search(item, &format!("{pointer}/{index}"), phones);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    if card_number::is_in(name) {
                        self.add_card_number(pointer);
                    } else {
                        self.search(member, &format!("{pointer}/{}", escape(name)), phones);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Checks the path and the query as it was sent: the names and the values of the parameters.
    pub fn card_numbers_in_address(&mut self, path: &str, query: Option<&str>) {
        if card_number::is_in(path) {
            self.add_card_number("");
        }
        for parameter in query.into_iter().flat_map(|query| query.split('&')) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if card_number::is_in(name) {
                self.add_card_number("");
            } else if card_number::is_in(value) {
                self.add_card_number(&format!("/{}", escape(name)));
            }
        }
    }

    pub fn card_numbers_in_header(&mut self, name: &str, value: &[u8]) {
        if card_number::is_in(&String::from_utf8_lossy(value)) {
            self.card_number = true;
            self.push(String::new(), format!("the header {name} {NEVER_TAKEN}"));
        }
    }

    pub(super) fn add_card_number(&mut self, pointer: &str) {
        self.card_number = true;
        self.push(pointer.to_owned(), NEVER_TAKEN.to_owned());
    }

    /// A parser's message quotes the text that it could not read. A message that quotes a card
    /// number is replaced by its refusal.
    pub(super) fn conceal(&mut self, pointer: String, detail: String) -> (String, String) {
        let hides = card_number::is_in(&pointer) || card_number::is_in(&detail);
        if !hides {
            return (pointer, detail);
        }
        self.card_number = true;
        let mut prefix = pointer.as_str();
        while card_number::is_in(prefix) {
            prefix = prefix.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        (prefix.to_owned(), NEVER_TAKEN.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::json::parse;
    use crate::problem::Problem;
    use crate::requests::{NewBooking, NewPayment};

    const CARD: &str = "4242 4242 4242 4242";

    fn pointers(findings: ValidationErrors) -> Vec<String> {
        let problem = findings.problem("r");
        assert_clean(&problem);
        problem.errors.into_iter().map(|error| error.pointer).collect()
    }

    fn assert_clean(problem: &Problem) {
        assert_eq!((problem.code.as_str(), problem.status), ("card_number_refused", 400));
        let text = serde_json::to_string(problem).unwrap();
        assert!(!card_number::is_in(&text) && !text.contains("4242"), "{text}");
    }

    fn in_body(body: &Value) -> Vec<String> {
        let mut findings = ValidationErrors::default();
        findings.card_numbers_in_body(body, &["/customer/phone"]);
        pointers(findings)
    }

    #[test]
    fn every_text_and_every_name_of_a_body() {
        for (body, expected) in [
            (json!(CARD), [""]),
            (json!({ "reference": CARD }), ["/reference"]),
            (json!({ "metadata": { "a/b": format!("it is {CARD}") } }), ["/metadata/a~1b"]),
            (json!({ "metadata": { CARD: "x" } }), ["/metadata"]),
            (json!({ CARD: { "a": CARD } }), [""]),
            (json!({ "units": [{ "name": "a" }, { "name": CARD }] }), ["/units/1/name"]),
            (json!({ "customer": { "phone": "378282246310005" } }), ["/customer/phone"]),
            (json!({ "phone": "+378282246310005" }), ["/phone"]),
        ] {
            assert_eq!(in_body(&body), expected, "{body}");
        }
        let body = json!({ "a": [CARD, CARD], "b": "b", "c": 1, "d": null, "e": true });
        assert_eq!(in_body(&body), ["/a/0", "/a/1"]);
    }

    #[test]
    fn numbers_and_phone_numbers_in_their_members_are_accepted() {
        let mut findings = ValidationErrors::default();
        let body = json!({
            "amount": { "minor": 4_242_424_242_424_242_i64 },
            "customer": { "phone": "+378282246310005" },
        });
        findings.card_numbers_in_body(&body, &["/customer/phone"]);
        assert_eq!(findings, ValidationErrors::default());
    }

    #[test]
    fn the_path_and_the_query() {
        let check = |path: &str, query: Option<&str>, expected: &[&str]| {
            let mut findings = ValidationErrors::default();
            findings.card_numbers_in_address(path, query);
            if expected.is_empty() {
                assert_eq!(findings, ValidationErrors::default(), "{path} {query:?}");
            } else {
                assert_eq!(pointers(findings), expected, "{path} {query:?}");
            }
        };
        check("/v1/bookings/4242424242424242", None, &[""]);
        check("/v1/payments", Some("reference=4242424242424242"), &["/reference"]);
        check("/v1/payments", Some("state=held&reference=4242+4242+4242+4242"), &["/reference"]);
        check("/v1/payments", Some("reference=4242%204242%204242%204242"), &["/reference"]);
        check("/v1/payments", Some("4242424242424242"), &[""]);
        check("/v1/payments", Some("4242424242424242=1&a=4242424242424242"), &["", "/a"]);
        check("/v1/bookings/01936d3c-7a2b-4c1d-8e9f-424242424242/history", Some("limit=50"), &[]);
        check("/v1/availability", Some("from=2026-12-30T12:00:00.000000Z&to=2027-01-30T12:00:00Z"), &[]);
    }

    #[test]
    fn a_header() {
        for (value, expected) in [
            (&b"order-4242-4242-4242-4242"[..], true),
            (b"\"4242424242424242\"", true),
            (b"4242424242424242\xff", true),
            (b"01936d3c-7a2b-4c1d-8e9f-424242424242", false),
        ] {
            let mut findings = ValidationErrors::default();
            findings.card_numbers_in_header("Idempotency-Key", value);
            assert_eq!(findings.card_number, expected, "{value:?}");
            if expected {
                assert_eq!(pointers(findings), [""]);
            }
        }
    }

    /// A number instead of a text is reported by its pointer alone.
    #[test]
    fn no_message_contains_it() {
        let card: i64 = 4_242_424_242_424_242;
        let problem_of = |member: &str, value: Value| {
            let mut body =
                json!({ "provider": "stripe", "payment_method": "pm_card_visa", "booking_id": Uuid::nil() });
            body[member] = value;
            crate::json::decode::<NewPayment>(body).unwrap_err().problem("r")
        };
        for (member, value, pointer) in [
            ("reference", json!(card), "/reference"),
            ("metadata", json!({ "k": card }), "/metadata/k"),
            ("capture", json!(card), "/capture"),
        ] {
            let problem = problem_of(member, value);
            assert_eq!(problem.errors[0].pointer, pointer);
            assert!(!serde_json::to_string(&problem).unwrap().contains("4242"));
        }
        let payment = |member: &str, value: Value| {
            let problem = problem_of(member, value);
            assert_clean(&problem);
            problem.errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        };
        assert_eq!(payment("booking_id", json!("4242424242424242")), ["/booking_id"]);
        assert_eq!(payment("4242424242424242", json!(1)), [""]);
        let whole = crate::json::decode::<NewBooking>(json!(card)).unwrap_err().problem("r");
        assert!(!serde_json::to_string(&whole).unwrap().contains("4242"));

        let twice = parse::<crate::requests::NewCharge>(br#"{"4242424242424242":1,"4242424242424242":2}"#)
            .unwrap_err();
        assert_clean(&twice.problem("r"));
    }

    #[test]
    fn a_pointer_is_cut_before_a_card_number() {
        let mut findings = ValidationErrors::default();
        findings.add("/metadata/4242424242424242/x", "must not be empty");
        assert_eq!(pointers(findings), ["/metadata"]);
    }
}
