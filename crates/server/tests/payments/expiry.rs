//! A hold that lapses while its payment is under way: the provider's object ends first, then the seats
//! go; and money that comes all the same either confirms or goes back, never both.

use domain::rows::AttemptKind;
use domain::time::Span;
use futures_util::future::join_all;
use serde_json::json;

use crate::ask::{eur, payment_of, until};
use crate::sail::Sail;
use crate::stage::{Engine, Stage};
use crate::tenants::{TENANTS, tenant_id};

both![
    the_object_ends_before_the_seats_go,
    seats_are_kept_while_the_provider_is_out_of_reach,
    an_approval_races_the_expiry,
    late_money_takes_its_seats_again,
    late_money_without_seats_goes_back,
    evidence_is_looked_for_from_the_answer_on,
    a_paid_hold_is_looked_at_before_it_lapses,
    a_paid_hold_outlasts_an_outage,
];

const ASKS: &str = "pm_card_authenticationRequired";
/// Beyond the hold of a quarter of an hour and its grace of ten minutes.
const LONG_AGO_SECONDS: i64 = 26 * 60;
/// Another than by default.
const DEADLINE: Span = Span::seconds(30 * 60);

/// A payment of the booking that waits for the customer, and the provider's object of it.
async fn asked(stage: &Stage, booking: &str) -> (String, String) {
    let body = payment_of(booking, ASKS);
    let asked = stage.one.post("/v1/payments", &body).key(&format!("pay-{booking}")).expect(201).await;
    (asked.id(), asked.body["provider_reference"].as_str().unwrap().to_owned())
}

async fn the_object_ends_before_the_seats_go(engine: Engine) {
    let stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 10).await;
    let booking = sail.book_for(&stage.one, "b-1", 2).await;
    let (payment, object) = asked(&stage, &booking).await;
    until("the booking has expired", async || {
        // Looked at in this order: where the seats are gone, the object must have ended already.
        let expired = stage.one.booking(&booking).await["state"] == "expired";
        let ended = stage.provider.books().await.stands(&payment) == ("canceled", 0, 0, 0);
        assert!(ended || !expired, "the seats went first");
        (expired && ended).then_some(())
    })
    .await;
    assert_eq!(stage.one.payment(&payment).await["state"], "cancelled");
    assert_eq!(sail.vacancies(&stage.one).await, 10);
    assert!(!stage.provider.try_authenticate(&object).await);
    stage.end().await;
}

async fn seats_are_kept_while_the_provider_is_out_of_reach(engine: Engine) {
    let stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 1).await;
    let booking = sail.book_for(&stage.one, "b-1", 2).await;
    let (payment, _) = asked(&stage, &booking).await;
    stage.provider.faults(json!({ "drop_before": 1.0 })).await;
    let cancels = async || stage.provider.books().await.arrivals("POST", "/cancel");
    let gets =
        async || stage.provider.books().await.arrivals("GET", &stage.provider_reference(&payment).await);
    until("the worker tries to end the object", async || (cancels().await + gets().await > 2).then_some(()))
        .await;
    assert_eq!(stage.one.booking(&booking).await["state"], "held");
    let full = stage.one.post("/v1/bookings", &sail.booking(1, "next")).key("b-2").send().await;
    assert_eq!(full.status, 409, "{}", full.text);
    stage.provider.faults(json!({})).await;
    stage.one.booking_becomes(&booking, "expired").await;
    assert_eq!(stage.quiet().await.stands(&payment), ("canceled", 0, 0, 0));
    sail.book(&stage.one, "b-3", 1).await;
    stage.end().await;
}

async fn an_approval_races_the_expiry(engine: Engine) {
    let stage = Stage::watchful(engine).await;
    let sail = stage.sail(&stage.one, 20).await;
    let mut bookings = Vec::new();
    for number in 0..12 {
        let booking = sail.book_for(&stage.one, &format!("b-{number}"), 2).await;
        let (payment, object) = asked(&stage, &booking).await;
        bookings.push((booking, payment, object));
    }
    stage.provider.faults(json!({ "seed": 9, "delay_ms": [0, 300], "webhook_delay_ms": [0, 600] })).await;
    // Each customer approves as the own hold is about to go, some a little before and some after.
    let approvals = bookings.iter().enumerate().map(|(number, (booking, _, object))| {
        let stage = &stage;
        async move {
            let expires_at = &stage.one.booking(booking).await["hold_expires_at"];
            let expires_at: jiff::Timestamp = expires_at.as_str().unwrap().parse().unwrap();
            let moment = expires_at.as_millisecond() - 300 + 100 * number as i64;
            until("the moment has come", async || (crate::stage::now_ms() >= moment).then_some(())).await;
            stage.provider.try_authenticate(object).await
        }
    });
    let approved = join_all(approvals).await;
    stage.provider.faults(json!({})).await;
    let books = stage.quiet().await;
    for ((booking, payment, _), approved) in bookings.iter().zip(approved) {
        let path = format!("/v1/bookings/{booking}");
        let seen = stage.one.becomes(&path, |seen| seen["state"] != "held", "the hold has ended").await;
        let state = seen["state"].as_str().unwrap();
        match (state, books.stands(payment)) {
            ("confirmed", ("succeeded", 4_500, 4_500, 0)) => assert!(approved && seen["paid"] == eur(4_500)),
            ("expired", ("succeeded", 4_500, 4_500, 4_500)) => {
                assert!(approved && seen["refunded"] == eur(4_500));
            }
            ("expired", ("canceled", 0, 0, 0)) => assert!(!approved),
            (state, stands) => panic!("a booking is {state} and its money {stands:?}"),
        }
    }
    stage.end().await;
}

/// One seat, whose hold was given up long ago, and whose customer has just approved. The provider is
/// out of reach, so nobody here knows.
async fn approved_too_late(engine: Engine) -> (Stage, Sail, String, String) {
    let mut stage = Stage::with(engine, |settings| {
        settings.pace.evidence_after = Span::millis(300);
        settings.limits.operation_deadline = DEADLINE;
    })
    .await;
    let sail = stage.sail(&stage.one, 1).await;
    let booking = sail.book(&stage.one, "b-1", 1).await;
    let (payment, object) = asked(&stage, &booking).await;
    stage.stop_service().await;
    stage.age_holds(LONG_AGO_SECONDS).await;
    stage.provider.faults(json!({ "drop_before": 1.0, "webhook_drop": 1.0 })).await;
    stage.provider.authenticate(&object, true).await;
    stage.start_service().await;
    stage.one.booking_becomes(&booking, "expired").await;
    assert_eq!(sail.vacancies(&stage.one).await, 1);
    assert_eq!(stage.one.payment(&payment).await["state"], "pending");
    (stage, sail, booking, payment)
}

async fn late_money_takes_its_seats_again(engine: Engine) {
    let (stage, sail, booking, payment) = approved_too_late(engine).await;
    stage.provider.faults(json!({})).await;
    let confirmed = stage.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!((&confirmed["paid"], &confirmed["refunded"]), (&eur(4_500), &eur(0)));
    assert_eq!(sail.vacancies(&stage.one).await, 0);
    assert_eq!(stage.quiet().await.stands(&payment), ("succeeded", 4_500, 4_500, 0));
    stage.end().await;
}

async fn late_money_without_seats_goes_back(engine: Engine) {
    let (stage, sail, booking, payment) = approved_too_late(engine).await;
    let next = sail.book(&stage.one, "b-2", 1).await;
    stage.provider.faults(json!({})).await;
    let back = |seen: &serde_json::Value| seen["payment_status"] == "refunded";
    let back = stage.one.becomes(&format!("/v1/bookings/{booking}"), back, "the money goes back").await;
    assert_eq!((&back["state"], &back["refunded"]), (&json!("expired"), &eur(4_500)));
    assert_eq!(stage.one.booking(&next).await["state"], "held");
    let books = stage.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, 4_500, 4_500));
    assert_eq!(books.refunds_of(&payment), [(4_500, "succeeded")]);
    let id = domain::PaymentId(payment.parse().unwrap());
    let attempts = stage.store().attempts_of_payment(tenant_id(TENANTS[0]), id).await.unwrap();
    let refund = attempts.iter().find(|attempt| attempt.kind == AttemptKind::Refund).unwrap();
    assert_eq!(refund.deadline_at.since(refund.created_at), DEADLINE, "as it is set");
    stage.end().await;
}

/// The provider turned the charge away again and again, and took it at last; its webhook is lost. How often
/// it failed before says nothing about when to look.
async fn evidence_is_looked_for_from_the_answer_on(engine: Engine) {
    let stage = Stage::watchful(engine).await;
    let sail = stage.sail(&stage.one, 10).await;
    let booking = sail.book(&stage.one, "b-1", 1).await;
    stage.provider.faults(json!({ "rate_limited": 1.0, "webhook_drop": 1.0 })).await;
    let pay = stage.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    pay.without_waiting().expect(202).await;
    until("it was turned away eight times", async || {
        (stage.provider.books().await.arrivals("POST", "/v1/payment_intents") >= 8).then_some(())
    })
    .await;
    stage.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let confirmed = stage.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(confirmed["paid"], eur(4_500));
    stage.provider.faults(json!({})).await;
    stage.end().await;
}

/// Taken, as the answer said; the webhook is lost, and the next look is far beyond the hold's end.
async fn a_paid_hold_is_looked_at_before_it_lapses(engine: Engine) {
    let stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 10).await;
    let booking = sail.book_for(&stage.one, "b-1", 2).await;
    stage.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let pay = stage.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    assert_eq!(pay.expect(201).await.body["state"], "captured");
    assert_eq!(stage.one.booking_becomes(&booking, "confirmed").await["paid"], eur(4_500));
    stage.provider.faults(json!({})).await;
    stage.end().await;
}

/// The same, and the provider cannot be asked, for longer than a hold is kept for a payment under way.
async fn a_paid_hold_outlasts_an_outage(engine: Engine) {
    let mut stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 1).await;
    let booking = sail.book(&stage.one, "b-1", 1).await;
    stage.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let pay = stage.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    assert_eq!(pay.expect(201).await.body["state"], "captured");
    stage.provider.faults(json!({ "unavailable": 1.0, "webhook_drop": 1.0 })).await;
    stage.stop_service().await;
    stage.age_holds(LONG_AGO_SECONDS).await;
    let before = stage.provider.books().await.calls().len();
    stage.start_service().await;
    until("it is looked at in vain", async || {
        (stage.provider.books().await.calls().len() > before + 2).then_some(())
    })
    .await;
    assert_eq!(stage.one.booking(&booking).await["state"], "held");
    let next = stage.one.post("/v1/bookings", &sail.booking(1, "next")).key("b-2").send().await;
    assert_eq!(next.status, 409, "{}", next.text);
    stage.provider.faults(json!({})).await;
    assert_eq!(stage.one.booking_becomes(&booking, "confirmed").await["paid"], eur(4_500));
    stage.end().await;
}
