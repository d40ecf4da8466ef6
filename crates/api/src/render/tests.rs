use domain::Refusal;
use domain::lifecycle::CurrentState;
use domain::rows::{Failure, FailureCause, NextAction};
use domain::working_set::Json;
use serde_json::{Value, json};

use super::*;

fn json_of(rendered: &Rendered) -> Value {
    serde_json::from_str(&rendered.body).unwrap()
}

#[test]
fn a_held_booking() {
    let rendered = render_reply(&Reply::Booking(Box::new(samples::booking())));
    assert_eq!(rendered.status, 201);
    assert_eq!(rendered.location.as_deref(), Some("/v1/bookings/00000000-0000-0000-0000-000000000006"));
    let eur = |minor: i64| json!({ "minor": minor, "currency": "EUR" });
    let vat = |minor: i64| json!([{ "name": "VAT", "rate_basis_points": 600, "included": true, "amount": eur(minor) }]);
    assert_eq!(
        json_of(&rendered),
        json!({
            "id": "00000000-0000-0000-0000-000000000006",
            "state": "held",
            "payment_status": "unpaid",
            "total": eur(9_000),
            "taxes": vat(510),
            "due": eur(9_000),
            "authorized": eur(0),
            "paid": eur(0),
            "refunded": eur(0),
            "hold_expires_at": "2026-01-01T00:15:00Z",
            "items": [{
                "id": "00000000-0000-0000-0000-000000000009",
                "slot": {
                    "id": "00000000-0000-0000-0000-000000000005",
                    "starts_at": "2026-07-01T18:00:00Z",
                    "local_starts_at": "2026-07-01T19:00:00",
                    "time_zone": "Europe/Lisbon",
                },
                "product_id": "00000000-0000-0000-0000-000000000003",
                "unit_id": "00000000-0000-0000-0000-000000000004",
                "name": "Adult",
                "quantity": 2,
                "seats": 2,
                "price": eur(4_500),
                "taxes": vat(510),
                "state": "held",
                "penalty": null,
            }],
            "seats": 2,
            "customer": { "name": "Ana Lima", "email": "ana@example.com", "phone": null },
            "metadata": {},
            "open_payment_id": null,
            "confirmed_at": null,
            "ended_at": null,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        })
    );
}

#[test]
fn a_changed_booking_has_status_200() {
    let rendered = render_reply(&Reply::BookingChanged(Box::new(samples::booking())));
    assert_eq!(rendered.status, 200);
    assert_eq!(rendered.location.as_deref(), Some("/v1/bookings/00000000-0000-0000-0000-000000000006"));
}

#[test]
fn the_status_of_a_payment_shows_whether_its_outcome_is_known() {
    use domain::lifecycle::payment::{Event, State};
    let reach = |events: &[Event]| {
        let stage = CurrentState::<State>::start();
        events.iter().fold(stage, |stage, event| stage.step(*event).unwrap().to())
    };
    let check = |events: &[Event], change: fn(&mut rows::Payment), made: u16, changed: u16| {
        let mut payment = rows::Payment { state: reach(events), ..samples::payment() };
        change(&mut payment);
        let payment = Box::new(payment);
        assert_eq!(render_reply(&Reply::Payment(payment.clone())).status, made, "made {events:?}");
        assert_eq!(render_reply(&Reply::PaymentChanged(payment)).status, changed, "changed {events:?}");
    };
    let redirect = |payment: &mut rows::Payment| {
        payment.next_action = Some(Json(NextAction::Redirect { url: "https://bank.example/3ds".into() }));
    };
    let active = |payment: &mut rows::Payment| payment.active = Some(payment.id.into());
    let called_off = |payment: &mut rows::Payment| payment.void_requested = true;
    check(&[], |_| (), 202, 200);
    check(&[Event::Sent], |_| (), 202, 200);
    check(&[Event::Sent], redirect, 201, 200);
    check(&[Event::Sent], called_off, 202, 202);
    check(&[Event::Sent, Event::Authorized], |_| (), 201, 200);
    check(&[Event::Sent, Event::Authorized], active, 201, 202);
    check(&[Event::Sent, Event::Captured], |_| (), 201, 200);
    check(&[Event::Sent, Event::Voided], called_off, 201, 200);
}

#[test]
fn a_payment_shows_what_the_customer_must_do_and_why_it_failed() {
    let payment = rows::Payment {
        next_action: Some(Json(NextAction::UseProviderSdk { client_secret: Some("s".into()) })),
        failure: Some(Json(Failure {
            code: "insufficient_funds".into(),
            retryable: true,
            cause: FailureCause::Declined,
        })),
        ..samples::payment()
    };
    let body = json_of(&render_reply(&Reply::Payment(Box::new(payment))));
    assert_eq!(body["next_action"], json!({ "type": "use_provider_sdk", "client_secret": "s" }));
    assert_eq!(body["failure"], json!({ "code": "insufficient_funds", "another_attempt_may_succeed": true }));
    assert_eq!(body["capture"], "automatic");
}

#[test]
fn a_refund_points_at_itself() {
    let rendered = render_reply(&Reply::Refund(Box::new(samples::refund())));
    assert_eq!(rendered.status, 202);
    assert_eq!(rendered.location.as_deref(), Some("/v1/refunds/00000000-0000-0000-0000-00000000000a"));
}

#[test]
fn products_and_slots() {
    let made = Reply::Product(Box::new((samples::product(), vec![samples::unit()])));
    let rendered = render_reply(&made);
    assert_eq!((rendered.status, json_of(&rendered)["units"][0]["seats"].as_i64()), (201, Some(1)));
    let changed = rows::Product { version: 2, ..samples::product() };
    assert_eq!(render_reply(&Reply::Product(Box::new((changed, vec![])))).status, 200);
    let slots = render_reply(&Reply::Slots(Box::new(samples::slots())));
    assert_eq!((slots.status, json_of(&slots)["data"][0]["vacancies"].as_i64()), (201, Some(10)));
}

#[test]
fn the_programs_own_work_has_no_body() {
    for reply in [Reply::Done, Reply::Proceed(true), Reply::Swept(3), Reply::Claimed(vec![])] {
        assert_eq!(render_reply(&reply), Rendered { status: 204, body: String::new(), location: None });
    }
}

#[test]
fn a_decline_points_at_its_payment() {
    let payment = samples::payment().id.0;
    let refusal = Refusal::PaymentDeclined { payment, code: "card_declined".into(), retryable: true };
    let rendered = render_refusal(&refusal, "req-1");
    assert_eq!(rendered.status, 402);
    assert_eq!(rendered.location, Some(format!("/v1/payments/{payment}")));
    assert_eq!(json_of(&rendered)["request_id"], "req-1");
}
