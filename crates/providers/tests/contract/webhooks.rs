//! True and false deliveries. Anyone can send one.

use domain::Timestamp;
use providers::{Guard, Provider, webhook::WebhookRefused};

use crate::rows::{ContractRow, Delivery, ROWS, Signature, SignedBy};

const NOW: i64 = 1_700_000_000;
const HOUR: i64 = 3_600;

fn signed(row: &ContractRow, secret: &str, at: i64, event: u32) -> Delivery {
    (row.delivery)(&SignedBy { secret, at, event })
}

fn verified(provider: &dyn Provider, delivery: &Delivery) -> Result<Vec<String>, WebhookRefused> {
    let checked = provider.check_head(delivery.head());
    let events = provider.verify(delivery.head(), &delivery.body, Timestamp(NOW * 1_000_000));
    assert!(checked.is_ok() || events.is_err(), "what its head refuses is refused: {delivery:?}");
    Ok(events?.into_iter().map(|event| event.event).collect())
}

fn every_adapter(check: impl Fn(&'static ContractRow, &dyn Provider)) {
    for row in ROWS {
        check(row, &*row.open(&row.settings("http://127.0.0.1:9"), &Guard::default()));
    }
}

#[test]
fn a_true_delivery_has_one_event_whose_name_stays() {
    every_adapter(|row, provider| {
        let names =
            |at: i64, event: u32| verified(provider, &signed(row, row.webhook_secret, at, event)).unwrap();
        let first = names(NOW, 1);
        assert_eq!(first.len(), 1, "{}", row.adapter.name);
        assert_eq!(names(NOW, 1), first, "{}: it is the same event when it comes again", row.adapter.name);
        assert_ne!(names(NOW, 2), first, "{}: another event has another name", row.adapter.name);
        let delivery = signed(row, row.webhook_secret, NOW, 1);
        let events = provider.verify(delivery.head(), &delivery.body, Timestamp(NOW * 1_000_000)).unwrap();
        provider.interpret(&events[0].body).unwrap();
    });
}

#[test]
fn a_false_delivery_is_refused() {
    every_adapter(|row, provider| {
        let check = |what: &str, delivery: &Delivery, expected: WebhookRefused| {
            assert_eq!(verified(provider, delivery), Err(expected), "{} {what}", row.adapter.name);
        };
        let own = |at: i64| signed(row, row.webhook_secret, at, 1);
        let no_match = WebhookRefused::SignatureDoesNotMatch;
        check("by another secret", &signed(row, "another-secret", NOW, 1), no_match);
        check("by an empty secret", &signed(row, "", NOW, 1), no_match);
        if row.signature != Signature::Query {
            check("an hour ago", &own(NOW - HOUR), WebhookRefused::SignatureIsTooOld);
            check("in an hour", &own(NOW + HOUR), WebhookRefused::SignatureIsFromTheFuture);
        }
        let mut tampered = own(NOW);
        (row.tampers)(&mut tampered);
        check("changed on its way", &tampered, no_match);
        check("unsigned", &own(NOW).unsigned(row.signature), WebhookRefused::SignatureMissing);
    });
}

#[test]
fn no_secret_accepts_nothing() {
    for row in ROWS {
        let mut settings = row.settings("http://127.0.0.1:9");
        settings.webhook_secrets.clear();
        let provider = row.open(&settings, &Guard::default());
        for secret in ["", row.webhook_secret] {
            let found = verified(&*provider, &signed(row, secret, NOW, 1));
            assert_eq!(found, Err(WebhookRefused::SignatureDoesNotMatch), "{}", row.adapter.name);
        }
    }
}

/// A signature of several bytes a character has broken verifiers that compare by position.
#[test]
fn a_strange_signature_never_panics() {
    every_adapter(|row, provider| {
        let own = signed(row, row.webhook_secret, NOW, 1);
        let true_signature = own.signature(row.signature);
        let (start, hex) = true_signature.split_at(true_signature.len() - 64);
        let wide = "\u{e9}".repeat(32);
        let huge = "v1=0,".repeat(20_000);
        let strange = [
            String::new(),
            " ".to_owned(),
            ",".repeat(100),
            "=".to_owned(),
            start.to_owned(),
            format!("{start}{wide}"),
            format!("{start}{}\u{1f6a2}", &hex[4..]),
            format!("{start}{}", &hex[1..]),
            format!("{start}{hex}0"),
            format!("{start}{}", hex.to_uppercase()),
            true_signature.replace(&NOW.to_string(), "99999999999999999999"),
            true_signature.replace(&NOW.to_string(), "-1"),
            true_signature.replace(&NOW.to_string(), "\u{661}\u{662}"),
            true_signature.replace(&NOW.to_string(), ""),
            format!("{huge}{true_signature}"),
        ];
        for signature in strange {
            let is_the_same = signature.eq_ignore_ascii_case(&true_signature);
            let delivery = own.clone().signed_with(row.signature, signature.as_bytes());
            let found = verified(provider, &delivery);
            assert!(found.is_err() || is_the_same, "{} {signature:.100}", row.adapter.name);
        }
        let bytes: Vec<u8> = (0x80..=0xff).collect();
        verified(provider, &own.clone().signed_with(row.signature, bytes)).unwrap_err();
        let query = Delivery { query: "data.id=\u{e9}&&=&type=%".repeat(10_000), ..own.clone() };
        let _ = verified(provider, &query);
        let body = Delivery { body: vec![0xff; 1 << 20], ..own };
        let _ = verified(provider, &body);
    });
}

#[test]
fn any_stored_body_can_be_read_again() {
    every_adapter(|_, provider| {
        let deep = "[".repeat(200_000);
        for body in ["", "null", "{}", "[]", "\u{e9}", "{\"id\":", deep.as_str()] {
            let _ = provider.interpret(body.as_bytes());
        }
        let _ = provider.interpret(&[0xff; 100]);
    });
}
