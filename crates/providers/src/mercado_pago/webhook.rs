//! The events that are stored, and what each says.
//!
//! Mercado Pago signs nothing of a body, so the bodies that are stored are our own:
//!
//! | body | made from | says |
//! |---|---|---|
//! | `fetch` | a delivery about a payment or an order; a list that leaves out a payment's refunds or chargebacks, or shows the payment of an order | which payment or order to fetch |
//! | `fetch_chargeback` | a delivery about a chargeback | which chargeback to fetch, with its payment |
//! | `other` | a delivery about anything else | nothing |
//! | `payment`, `refund`, `chargeback` | an object that we fetched or listed | the object, without anything about its payer |
//!
//! The topic of a delivery (`type`) is not signed. A delivery about a payment, one about a chargeback and one
//! about anything else never have the same name, so a forged topic suppresses no event.

use domain::Currency;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    chargebacks::ChargebackOfPayment,
    objects::{ProviderObjectId, ProviderPayment, ProviderRefund},
    signature::SignedDelivery,
};
use crate::{
    VerifiedEvent,
    webhook::{EventContent, MalformedEvent},
};

/// The topics of a delivery about a chargeback, by webhook and by the older notification.
const CHARGEBACK_TOPICS: [&str; 2] = ["topic_chargebacks_wh", "chargebacks"];
const TOPIC_CHARACTERS_MAX: usize = 40;
/// Bytes of a hash in an event's name.
const HASH_BYTES: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventBody {
    Fetch { payment: ProviderObjectId },
    FetchChargeback { chargeback: ProviderObjectId },
    Other { topic: String },
    Payment(ProviderPayment),
    Refund(RefundOfPayment),
    Chargeback(ChargebackOfPayment),
}

/// What an event names to be fetched. The id of an object has no such character.
const CHARGEBACK_PREFIX: &str = "chargeback:";

/// The id of a chargeback that an event names, as [`EventContent::Fetch`] has it. `None`: it is a payment's.
pub fn chargeback_to_fetch(object: &str) -> Option<&str> {
    object.strip_prefix(CHARGEBACK_PREFIX)
}

/// A refund with what it takes from its payment.
#[derive(Serialize, Deserialize)]
pub struct RefundOfPayment {
    refund: ProviderRefund,
    payment: ProviderObjectId,
    currency_id: Option<String>,
    external_reference: Option<String>,
}

impl RefundOfPayment {
    pub fn new(payment: &ProviderPayment, refund: ProviderRefund) -> RefundOfPayment {
        RefundOfPayment {
            refund,
            payment: payment.id.clone(),
            currency_id: payment.currency_id.clone(),
            external_reference: payment.external_reference.clone(),
        }
    }
}

/// The event of a signed delivery. It is named by what is signed.
pub fn event(delivery: &SignedDelivery<'_>) -> VerifiedEvent {
    let topic = delivery.topic.unwrap_or("unknown");
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let topic: String = topic.chars().filter(is_plain).take(TOPIC_CHARACTERS_MAX).collect();
    let (class, content) = match &delivery.object {
        Some(payment) if topic == "payment" && !payment.is_order() => {
            ("fetch", EventBody::Fetch { payment: payment.clone() })
        }
        // The ids of orders are in upper case, and a delivery may have them in lower case.
        Some(order) if topic == "order" && order.to_uppercase().is_order() => {
            ("fetch", EventBody::Fetch { payment: order.to_uppercase() })
        }
        Some(chargeback) if CHARGEBACK_TOPICS.contains(&topic.as_str()) => {
            ("fetch_chargeback", EventBody::FetchChargeback { chargeback: chargeback.clone() })
        }
        _ => ("other", EventBody::Other { topic: topic.clone() }),
    };
    let name = format!("{class}.{}", hash(delivery.signed_text().as_bytes()));
    VerifiedEvent { event: name, kind: topic, body: body(&content) }
}

/// The event under the id that the body has, as if it were signed: only for the injected fault.
pub fn event_named_by(unsigned: &[u8], delivery: &SignedDelivery<'_>) -> VerifiedEvent {
    let read: serde_json::Value = serde_json::from_slice(unsigned).unwrap_or_default();
    VerifiedEvent { event: format!("notification.{}", read["id"]), ..event(delivery) }
}

/// The event of an object's present state.
pub fn state(kind: &str, id: &str, content: &EventBody) -> VerifiedEvent {
    let body = body(content);
    VerifiedEvent { event: format!("{kind}.{id}.{}", hash(&body)), kind: kind.to_owned(), body }
}

/// The request to fetch a payment, or the order that it belongs to, because of its present state.
pub fn fetch_of_state(payment: &ProviderPayment) -> VerifiedEvent {
    let state = serde_json::to_vec(payment).expect("a payment that was read can be written");
    let object = payment.order().unwrap_or(&payment.id).clone();
    let event = format!("fetch.{}.{}", object.as_str(), hash(&state));
    let content = EventBody::Fetch { payment: object };
    VerifiedEvent { event, kind: "payment".to_owned(), body: body(&content) }
}

pub fn interpret(body: &[u8]) -> Result<EventContent, MalformedEvent> {
    let stored: EventBody =
        serde_json::from_slice(body).map_err(|_| MalformedEvent("the body is not one of ours".to_owned()))?;
    match stored {
        EventBody::Fetch { payment } => Ok(EventContent::Fetch { object: payment.as_str().to_owned() }),
        EventBody::FetchChargeback { chargeback } => {
            Ok(EventContent::Fetch { object: format!("{CHARGEBACK_PREFIX}{}", chargeback.as_str()) })
        }
        EventBody::Chargeback(stored) => Ok(EventContent::Dispute {
            payment_object: stored.payment.as_str().to_owned(),
            observation: stored.observe().map_err(MalformedEvent)?,
        }),
        EventBody::Other { topic } => {
            let why = format!("it is about `{topic}`, and not about a payment or a chargeback");
            Ok(EventContent::Nothing { why })
        }
        EventBody::Payment(payment) => {
            let observation = payment.observe().map_err(MalformedEvent)?;
            Ok(EventContent::Payment { payment: payment.payment(), observation })
        }
        EventBody::Refund(stored) => {
            let currency = stored.currency_id.as_deref().and_then(Currency::new);
            let currency = currency.ok_or_else(|| MalformedEvent("its currency is unknown".to_owned()))?;
            Ok(EventContent::Refund {
                refund: None,
                payment: super::objects::own_payment(stored.external_reference.as_deref()),
                payment_object: Some(stored.payment.as_str().to_owned()),
                observation: stored.refund.observe(currency).map_err(MalformedEvent)?,
            })
        }
    }
}

fn body(content: &EventBody) -> Vec<u8> {
    serde_json::to_vec(content).expect("what was read can be written")
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..HASH_BYTES])
}

#[cfg(test)]
mod tests {
    use domain::{
        PaymentId,
        provider::{Observation, ProviderStatus, RefundObservation, RefundStatus},
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    const OURS: &str = "00000000-0000-0000-0000-000000000007";

    fn delivery<'a>(object: Option<&str>, topic: Option<&'a str>, seconds: &'a str) -> SignedDelivery<'a> {
        let object = object.and_then(ProviderObjectId::parse);
        SignedDelivery { object, topic, request: Some("request_1"), time: seconds }
    }

    #[test]
    fn a_delivery_about_a_payment_leads_to_a_fetch() {
        let check = |object: Option<&str>, topic: Option<&str>, kind: &str, expected: Option<&str>| {
            let event = event(&delivery(object, topic, "1"));
            let found = match interpret(&event.body).unwrap() {
                EventContent::Fetch { object } => Some(object),
                EventContent::Nothing { .. } => None,
                other => panic!("{other:?}"),
            };
            assert_eq!((event.kind.as_str(), found.as_deref()), (kind, expected), "{object:?} {topic:?}");
        };
        check(Some("123"), Some("payment"), "payment", Some("123"));
        check(Some("77"), Some("topic_chargebacks_wh"), "topic_chargebacks_wh", Some("chargeback:77"));
        check(Some("77"), Some("chargebacks"), "chargebacks", Some("chargeback:77"));
        check(Some("ORD01J4"), Some("order"), "order", Some("ORD01J4"));
        check(Some("ord01j4"), Some("order"), "order", Some("ORD01J4"));
        check(Some("ORD01J4"), Some("payment"), "payment", None);
        check(Some("123"), Some("order"), "order", None);
        check(None, Some("topic_chargebacks_wh"), "topic_chargebacks_wh", None);
        check(None, Some("payment"), "payment", None);
        check(Some("123"), Some("topic_merchant_order_wh"), "topic_merchant_order_wh", None);
        check(Some("123"), Some("payment\n\u{e9}\"s"), "payments", None);
        check(Some("123"), Some(&"x".repeat(50)), &"x".repeat(40), None);
        check(Some("123"), None, "unknown", None);
    }

    #[test]
    fn a_delivery_is_named_by_what_is_signed() {
        let name =
            |object: &str, topic: &str, time: &str| event(&delivery(Some(object), Some(topic), time)).event;
        assert_eq!(name("123", "payment", "1"), name("123", "payment", "1"));
        assert_ne!(name("123", "payment", "1"), name("124", "payment", "1"));
        assert_ne!(name("123", "payment", "1"), name("123", "payment", "2"));
        // A forged topic must not take the name of the delivery about the payment.
        assert_ne!(name("123", "payment", "1"), name("123", "forged", "1"));
        assert_ne!(name("123", "topic_chargebacks_wh", "1"), name("123", "forged", "1"));
        assert_ne!(name("123", "topic_chargebacks_wh", "1"), name("123", "payment", "1"));
        assert_eq!(name("123", "claim", "1"), name("123", "forged", "1"));
    }

    fn payment(changes: &Value) -> ProviderPayment {
        let mut payment = json!({
            "id": 123, "status": "approved", "currency_id": "BRL", "transaction_amount": 100.50,
            "external_reference": OURS, "date_last_updated": "2023-11-14T22:13:20.000-04:00",
            "payer": {"email": "maria@a.example", "identification": {"number": "12345678909"}},
            "card": {"last_four_digits": "4321", "cardholder": {"name": "Maria"}},
        });
        for (name, value) in changes.as_object().unwrap() {
            payment[name] = value.clone();
        }
        serde_json::from_str(&payment.to_string()).unwrap()
    }

    #[test]
    fn a_stored_object_says_what_was_fetched() {
        let event = state("payment", "123", &EventBody::Payment(payment(&json!({}))));
        let observation = Observation {
            object: "123".to_owned(),
            status: ProviderStatus::Captured { amount_minor: 10_050 },
            amount_minor: 10_050,
            currency: Currency::BRL,
            capture_before: None,
            saved_method: None,
            incoming: Vec::new(),
        };
        let ours = Some(PaymentId(Uuid::from_u128(7)));
        let expected = EventContent::Payment { payment: ours, observation };
        assert_eq!(interpret(&event.body), Ok(expected));
        let text = String::from_utf8(event.body).unwrap();
        for hidden in ["maria", "Maria", "12345678909", "4321"] {
            assert!(!text.contains(hidden), "{text}");
        }

        let check = |reference: Value, payment_id: Option<PaymentId>| {
            let refund = serde_json::from_str(r#"{"id":9,"amount":5.00,"status":"approved"}"#).unwrap();
            let payment = payment(&json!({"external_reference": reference}));
            let stored = EventBody::Refund(RefundOfPayment::new(&payment, refund));
            let expected = EventContent::Refund {
                refund: None,
                payment: payment_id,
                payment_object: Some("123".to_owned()),
                observation: RefundObservation {
                    object: "9".to_owned(),
                    status: RefundStatus::Succeeded,
                    amount_minor: 500,
                    currency: Currency::BRL,
                    incoming: None,
                },
            };
            assert_eq!(interpret(&state("refund", "9", &stored).body), Ok(expected), "{reference}");
        };
        check(json!(OURS), ours);
        check(json!("order 7"), None);
        check(json!(null), None);
    }

    #[test]
    fn the_same_state_has_the_same_name() {
        let name = |changes: Value| state("payment", "123", &EventBody::Payment(payment(&changes))).event;
        assert_eq!(name(json!({})), name(json!({"payer": {"email": "other@a.example"}})));
        assert_ne!(name(json!({})), name(json!({"status": "refunded"})));
        assert_ne!(name(json!({})), name(json!({"date_last_updated": "2023-11-15T22:13:20.000-04:00"})));
        let fetch = |changes: Value| fetch_of_state(&payment(&changes)).event;
        assert_eq!(fetch(json!({})), fetch(json!({})));
        assert_ne!(fetch(json!({})), fetch(json!({"transaction_amount_refunded": 5})));
    }

    #[test]
    fn a_body_that_is_not_ours_is_malformed() {
        let check = |body: &str| assert!(interpret(body.as_bytes()).is_err(), "{body}");
        for body in [
            "",
            "null",
            "{}",
            r#"{"fetch":{}}"#,
            r#"{"fetch":{"payment":"../1"}}"#,
            r#"{"payment":{"id":1}}"#,
            r#"{"refund":{"refund":{"id":1,"amount":1},"payment":"2"}}"#,
            r#"{"chargeback":{"chargeback":{"id":1,"amount":1},"payment":"2"}}"#,
            r#"{"id":12345,"type":"payment","action":"payment.updated","data":{"id":"999999999"}}"#,
        ] {
            check(body);
        }
    }
}
