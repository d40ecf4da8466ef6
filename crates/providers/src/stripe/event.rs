//! What an event of Stripe says, <https://docs.stripe.com/api/events/types>.
//!
//! | events | subject |
//! |---|---|
//! | `payment_intent.*` | the payment whose object it is, or that it carries in `metadata[operation]` |
//! | `refund.*`, `charge.refund.updated` | the refund that its object carries in `metadata[refund]`, or one that somebody made at Stripe |
//! | `charge.dispute.*` | a dispute of the payment whose object it names |
//! | `transfer.*` | the payout that its object carries in `metadata[surehold_payout]` |
//! | any other | nothing; [`event_kinds`](super::event_kinds) has the reason for each |
//!
//! Only the object inside is read, as it was when the event happened. Events arrive late and out of
//! order, so the object may have changed since.

use domain::rows::Mode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::dispute::{Dispute, DisputeEvent};
use super::event_kinds::{Handling, handling};
use super::objects::{PaymentIntent, Refund};
use super::transfers::StripeTransfer;
use crate::webhook::{EventContent, MalformedEvent, VerifiedEvent, WebhookRefused};

const NAME_BYTES_MAX: usize = 255;

#[derive(Deserialize)]
struct Head {
    id: String,
    object: String,
    #[serde(rename = "type")]
    kind: String,
    livemode: bool,
}

/// The event of a signed body. Thin events (`v2.core.event`) name an object without showing it:
/// they belong to another kind of endpoint.
pub fn parse(body: &[u8], mode: Mode) -> Result<VerifiedEvent, WebhookRefused> {
    let head: Head = serde_json::from_slice(body).map_err(|_| WebhookRefused::BodyIsNotAnEvent)?;
    let is_name = |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len());
    if head.object != "event" || !is_name(&head.id) || !is_name(&head.kind) {
        return Err(WebhookRefused::BodyIsNotAnEvent);
    }
    if head.livemode != (mode == Mode::Live)
        && !fault_injection::is(fault_injection::InjectedFault::LiveEventTaken)
    {
        return Err(WebhookRefused::ModeDoesNotMatch);
    }
    Ok(VerifiedEvent { event: head.id, kind: head.kind, body: body.to_vec() })
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    /// Unix seconds, by Stripe's clock.
    created: Option<i64>,
    /// The connected account on which it happened, <https://docs.stripe.com/connect/webhooks>.
    account: Option<String>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

pub fn interpret(body: &[u8]) -> Result<EventContent, MalformedEvent> {
    let event: Event = serde_json::from_slice(body).map_err(malformed)?;
    let nothing = |why: &str| Ok(EventContent::Nothing { why: why.to_owned() });
    if event.account.is_some() {
        return nothing("it happened on a connected account, and our payments are not made there");
    }
    match handling(&event.kind) {
        Handling::Payment => {
            let intent: PaymentIntent = serde_json::from_str(event.data.object.get()).map_err(malformed)?;
            let payment = intent.payment();
            Ok(EventContent::Payment { payment, observation: intent.observe().map_err(MalformedEvent)? })
        }
        Handling::Refund => {
            let refund: Refund = serde_json::from_str(event.data.object.get()).map_err(malformed)?;
            Ok(EventContent::Refund {
                refund: refund.refund(),
                payment: refund.payment(),
                payment_object: refund.payment_object().map(str::to_owned),
                observation: refund.observe().map_err(MalformedEvent)?,
            })
        }
        Handling::Dispute => {
            let dispute: Dispute = serde_json::from_str(event.data.object.get()).map_err(malformed)?;
            let payment_object = dispute.payment_object().map(str::to_owned);
            let shown = DisputeEvent { kind: &event.kind, created: event.created };
            let observation = dispute.observe(Some(shown)).map_err(MalformedEvent)?;
            match payment_object {
                Some(payment_object) => Ok(EventContent::Dispute { payment_object, observation }),
                None => nothing("the disputed charge has no PaymentIntent, so it is not ours"),
            }
        }
        Handling::Transfer => {
            let transfer: StripeTransfer =
                serde_json::from_str(event.data.object.get()).map_err(malformed)?;
            match transfer.payout() {
                Some(payout) => {
                    let observation = transfer.observe().map_err(MalformedEvent)?;
                    Ok(EventContent::Transfer { payout, observation })
                }
                None => nothing("the transfer is not ours"),
            }
        }
        Handling::Ignored(why) => nothing(why),
    }
}

fn malformed(error: serde_json::Error) -> MalformedEvent {
    MalformedEvent(error.to_string())
}

#[cfg(test)]
mod tests {
    use domain::{
        Currency, PaymentId, RefundId,
        provider::{DisputeStatus, Observation, ProviderStatus, RefundObservation, RefundStatus},
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn event(kind: &str, object: &Value) -> Vec<u8> {
        json!({
            "id": "evt_1", "object": "event", "type": kind, "livemode": false, "created": 1_700_000_000,
            "api_version": "2026-10-28.endive", "data": {"object": object}, "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": null},
        })
        .to_string()
        .into_bytes()
    }

    fn intent(operation: &str) -> Value {
        json!({
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2000,
            "amount_received": 2000, "currency": "eur", "metadata": {"operation": operation, "other": "x"},
        })
    }

    fn refund(metadata: Value) -> Value {
        json!({
            "id": "re_1", "object": "refund", "status": "succeeded", "amount": 500, "currency": "eur",
            "payment_intent": "pi_1", "metadata": metadata,
        })
    }

    #[test]
    fn a_payment_event_is_assigned_to_its_payment() {
        let check = |kind: &str, operation: &str, payment: Option<PaymentId>| {
            let observation = Observation {
                object: "pi_1".to_owned(),
                status: ProviderStatus::Captured { amount_minor: 2000 },
                amount_minor: 2000,
                currency: Currency::EUR,
                capture_before: None,
                saved_method: None,
                incoming: Vec::new(),
            };
            let found = interpret(&event(kind, &intent(operation)));
            assert_eq!(found, Ok(EventContent::Payment { payment, observation }), "{kind} {operation}");
        };
        let ours = Uuid::from_u128(7);
        check("payment_intent.succeeded", &ours.to_string(), Some(PaymentId(ours)));
        check("payment_intent.invented_in_2030", &ours.to_string(), Some(PaymentId(ours)));
        check("payment_intent.succeeded", "somebody's", None);
        check("payment_intent.succeeded", "", None);
    }

    #[test]
    fn a_refund_event_is_assigned_to_its_refund() {
        let (payment, own) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let check = |kind: &str, metadata: Value, refund_id, payment_id| {
            let expected = EventContent::Refund {
                refund: refund_id,
                payment: payment_id,
                payment_object: Some("pi_1".to_owned()),
                observation: RefundObservation {
                    object: "re_1".to_owned(),
                    status: RefundStatus::Succeeded,
                    amount_minor: 500,
                    currency: Currency::EUR,
                    incoming: None,
                },
            };
            assert_eq!(interpret(&event(kind, &refund(metadata))), Ok(expected), "{kind}");
        };
        for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
            let metadata = json!({"refund": own, "operation": payment});
            check(kind, metadata, Some(RefundId(own)), Some(PaymentId(payment)));
        }
        check("refund.created", json!({}), None, None);
    }

    #[test]
    fn a_dispute_names_its_payment() {
        let dispute = |payment_intent: Value| {
            json!({
                "id": "du_1", "object": "dispute", "status": "needs_response", "amount": 500,
                "currency": "eur", "charge": "ch_1", "payment_intent": payment_intent,
            })
        };
        let found = interpret(&event("charge.dispute.funds_withdrawn", &dispute(json!("pi_1")))).unwrap();
        let EventContent::Dispute { payment_object, observation } = found else { panic!("{found:?}") };
        assert_eq!((payment_object.as_str(), observation.object.as_str()), ("pi_1", "du_1"));
        assert!(observation.withdrawn && observation.status == DisputeStatus::Opened);
        assert_eq!(observation.details.shown_at, Some(domain::Timestamp(1_700_000_000_000_000)));
        let of_a_charge = interpret(&event("charge.dispute.created", &dispute(json!(null))));
        assert!(matches!(of_a_charge, Ok(EventContent::Nothing { .. })), "{of_a_charge:?}");
    }

    #[test]
    fn other_events_are_ignored_with_a_reason() {
        let check = |kind: &str| {
            let found = interpret(&event(kind, &json!({"object": "charge"})));
            assert!(matches!(found, Ok(EventContent::Nothing { .. })), "{kind}: {found:?}");
        };
        for kind in ["charge.succeeded", "charge.refunded", "payout.paid", "", "é"] {
            check(kind);
        }
        let mut connected: Value =
            serde_json::from_slice(&event("payment_intent.succeeded", &intent(""))).unwrap();
        connected["account"] = json!("acct_1");
        assert!(matches!(interpret(connected.to_string().as_bytes()), Ok(EventContent::Nothing { .. })));
    }

    #[test]
    fn a_body_of_the_wrong_shape_is_malformed() {
        let check = |body: &[u8]| assert!(interpret(body).is_err(), "{}", String::from_utf8_lossy(body));
        check(b"");
        check(b"null");
        check(b"{}");
        check(br#"{"type":"payment_intent.succeeded"}"#);
        check(&event("payment_intent.succeeded", &json!({})));
        check(&event("payment_intent.succeeded", &refund(json!({}))));
        check(&event("refund.updated", &intent("")));
        check(&event("charge.dispute.created", &intent("")));
        check(&event("payment_intent.succeeded", &json!({"id": "pi_1", "metadata": 7})));
    }

    #[test]
    fn a_signed_body_must_be_an_event_of_our_mode() {
        let check = |body: Value, mode: Mode, expected: Result<(), WebhookRefused>| {
            let found = parse(body.to_string().as_bytes(), mode).map(|_| ());
            assert_eq!(found, expected, "{body} {mode:?}");
        };
        let event = |object: &str, id: &str, livemode: bool| json!({"id": id, "object": object, "type": "payment_intent.succeeded", "livemode": livemode});
        let not_an_event = Err(WebhookRefused::BodyIsNotAnEvent);
        check(event("event", "evt_1", false), Mode::Test, Ok(()));
        check(event("event", "evt_1", true), Mode::Live, Ok(()));
        check(event("event", "evt_1", true), Mode::Test, Err(WebhookRefused::ModeDoesNotMatch));
        check(event("event", "evt_1", false), Mode::Live, Err(WebhookRefused::ModeDoesNotMatch));
        check(event("v2.core.event", "evt_1", false), Mode::Test, not_an_event);
        check(event("event", "", false), Mode::Test, not_an_event);
        check(event("event", &"x".repeat(256), false), Mode::Test, not_an_event);
        check(json!({"id": "evt_test_webhook", "object": "event"}), Mode::Test, not_an_event);
        check(json!([]), Mode::Test, not_an_event);
    }
}
