//! A hold that expires while its payment is in progress: the provider's object ends first, then the
//! seats are released. Money that comes later either confirms the booking or goes back, never both.

use domain::rows::AttemptKind;
use domain::time::Span;
use futures_util::future::join_all;
use serde_json::json;
use testkit::{Engine, ONE, TestCatalogue, TestService, eur, payment_of, until};

testkit::on_both_engines![
    the_object_ends_before_the_seats_go,
    seats_are_kept_while_the_provider_is_out_of_reach,
    an_approval_races_the_expiry,
    late_money_takes_its_seats_again,
    late_money_without_seats_goes_back,
    the_check_for_evidence_is_timed_from_the_reply,
    a_paid_hold_is_checked_before_it_expires,
    a_paid_hold_outlasts_an_outage,
];

const NEEDS_CUSTOMER: &str = "pm_card_authenticationRequired";
/// Longer than the hold of a quarter of an hour and its grace of ten minutes.
const LONG_AGO_SECONDS: i64 = 26 * 60;
/// Not the default.
const DEADLINE: Span = Span::seconds(30 * 60);

/// A payment of the booking that waits for the customer, and its object at the provider.
async fn pending_payment(service: &TestService, booking: &str) -> (String, String) {
    let body = payment_of(booking, NEEDS_CUSTOMER);
    let pending = service.one.post("/v1/payments", &body).key(&format!("pay-{booking}")).expect(201).await;
    (pending.id(), pending.body["provider_reference"].as_str().unwrap().to_owned())
}

async fn the_object_ends_before_the_seats_go(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book_for(&service.one, "b-1", 2).await;
    let (payment, object) = pending_payment(&service, &booking).await;
    until("the booking has expired", async || {
        // Read in this order: if the seats are released, the object must have ended already.
        let expired = service.one.booking(&booking).await["state"] == "expired";
        let ended = service.provider.books().await.stands(&payment) == ("canceled", 0, 0, 0);
        assert!(ended || !expired, "the seats went first");
        (expired && ended).then_some(())
    })
    .await;
    assert_eq!(service.one.payment(&payment).await["state"], "cancelled");
    assert_eq!(catalogue.vacancies(&service.one).await, 10);
    assert!(!service.provider.try_authenticate(&object).await);
    service.end().await;
}

async fn seats_are_kept_while_the_provider_is_out_of_reach(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 1).await;
    let booking = catalogue.book_for(&service.one, "b-1", 2).await;
    let (payment, _) = pending_payment(&service, &booking).await;
    service.provider.faults(json!({ "drop_before": 1.0 })).await;
    let cancels = async || service.provider.books().await.arrivals("POST", "/cancel");
    let gets =
        async || service.provider.books().await.arrivals("GET", &service.provider_reference(&payment).await);
    until("the worker tries to end the object", async || (cancels().await + gets().await > 2).then_some(()))
        .await;
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    let full = service.one.post("/v1/bookings", &catalogue.booking(1, "next")).key("b-2").send().await;
    assert_eq!(full.status, 409, "{}", full.text);
    service.provider.faults(json!({})).await;
    service.one.booking_becomes(&booking, "expired").await;
    assert_eq!(service.quiet().await.stands(&payment), ("canceled", 0, 0, 0));
    catalogue.book(&service.one, "b-3", 1).await;
    service.end().await;
}

async fn an_approval_races_the_expiry(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 20).await;
    let mut bookings = Vec::new();
    for number in 0..12 {
        let booking = catalogue.book_for(&service.one, &format!("b-{number}"), 2).await;
        let (payment, object) = pending_payment(&service, &booking).await;
        bookings.push((booking, payment, object));
    }
    service.provider.faults(json!({ "seed": 9, "delay_ms": [0, 300], "webhook_delay_ms": [0, 600] })).await;
    // Each customer approves near the end of the hold, some a little before and some after.
    let approvals = bookings.iter().enumerate().map(|(number, (booking, _, object))| {
        let service = &service;
        async move {
            let expires_at = &service.one.booking(booking).await["hold_expires_at"];
            let expires_at: jiff::Timestamp = expires_at.as_str().unwrap().parse().unwrap();
            let moment = expires_at.as_millisecond() - 300 + 100 * number as i64;
            until("the moment has come", async || (testkit::now_ms() >= moment).then_some(())).await;
            service.provider.try_authenticate(object).await
        }
    });
    let approved = join_all(approvals).await;
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    for ((booking, payment, _), approved) in bookings.iter().zip(approved) {
        let path = format!("/v1/bookings/{booking}");
        let seen = service.one.becomes(&path, |seen| seen["state"] != "held", "the hold has ended").await;
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
    service.end().await;
}

/// One seat whose hold was given up long ago, and whose customer has just approved. The provider is
/// unreachable, so this is not known here.
async fn approved_too_late(engine: Engine) -> (TestService, TestCatalogue, String, String) {
    let mut service = TestService::with(engine, |settings| {
        settings.pace.evidence_after = Span::millis(300);
        settings.limits.operation_deadline = DEADLINE;
    })
    .await;
    let catalogue = TestCatalogue::create(&service.one, 1).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let (payment, object) = pending_payment(&service, &booking).await;
    service.stop_service().await;
    service.age_holds(LONG_AGO_SECONDS).await;
    service.provider.faults(json!({ "drop_before": 1.0, "webhook_drop": 1.0 })).await;
    service.provider.authenticate(&object, true).await;
    service.start_service().await;
    service.one.booking_becomes(&booking, "expired").await;
    assert_eq!(catalogue.vacancies(&service.one).await, 1);
    assert_eq!(service.one.payment(&payment).await["state"], "pending");
    (service, catalogue, booking, payment)
}

async fn late_money_takes_its_seats_again(engine: Engine) {
    let (service, catalogue, booking, payment) = approved_too_late(engine).await;
    service.provider.faults(json!({})).await;
    let confirmed = service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!((&confirmed["paid"], &confirmed["refunded"]), (&eur(4_500), &eur(0)));
    assert_eq!(catalogue.vacancies(&service.one).await, 0);
    assert_eq!(service.quiet().await.stands(&payment), ("succeeded", 4_500, 4_500, 0));
    service.end().await;
}

async fn late_money_without_seats_goes_back(engine: Engine) {
    let (service, catalogue, booking, payment) = approved_too_late(engine).await;
    let next = catalogue.book(&service.one, "b-2", 1).await;
    service.provider.faults(json!({})).await;
    let back = |seen: &serde_json::Value| seen["payment_status"] == "refunded";
    let back = service.one.becomes(&format!("/v1/bookings/{booking}"), back, "the money goes back").await;
    assert_eq!((&back["state"], &back["refunded"]), (&json!("expired"), &eur(4_500)));
    assert_eq!(service.one.booking(&next).await["state"], "held");
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, 4_500, 4_500));
    assert_eq!(books.refunds_of(&payment), [(4_500, "succeeded")]);
    let id = domain::PaymentId(payment.parse().unwrap());
    let attempts = service.store().attempts_of_payment(ONE.id(), id).await.unwrap();
    let refund = attempts.iter().find(|attempt| attempt.kind == AttemptKind::Refund).unwrap();
    assert_eq!(refund.deadline_at.since(refund.created_at), DEADLINE, "as it is set");
    service.end().await;
}

/// The provider refused the charge several times before it accepted it; its webhook is lost. The
/// earlier failures do not delay the check.
async fn the_check_for_evidence_is_timed_from_the_reply(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    service.provider.faults(json!({ "rate_limited": 1.0, "webhook_drop": 1.0 })).await;
    let pay = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    pay.without_waiting().expect(202).await;
    until("it was turned away eight times", async || {
        (service.provider.books().await.arrivals("POST", "/v1/payment_intents") >= 8).then_some(())
    })
    .await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let confirmed = service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(confirmed["paid"], eur(4_500));
    service.provider.faults(json!({})).await;
    service.end().await;
}

/// Taken according to the reply; the webhook is lost, and the next check is long after the hold's
/// end.
async fn a_paid_hold_is_checked_before_it_expires(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book_for(&service.one, "b-1", 2).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let pay = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    assert_eq!(pay.expect(201).await.body["state"], "captured");
    assert_eq!(service.one.booking_becomes(&booking, "confirmed").await["paid"], eur(4_500));
    service.provider.faults(json!({})).await;
    service.end().await;
}

/// The same, and the provider is unreachable for longer than a hold is kept for a payment in
/// progress.
async fn a_paid_hold_outlasts_an_outage(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 1).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let pay = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    assert_eq!(pay.expect(201).await.body["state"], "captured");
    service.provider.faults(json!({ "unavailable": 1.0, "webhook_drop": 1.0 })).await;
    service.stop_service().await;
    service.age_holds(LONG_AGO_SECONDS).await;
    let before = service.provider.books().await.calls().len();
    service.start_service().await;
    until("it is checked in vain", async || {
        (service.provider.books().await.calls().len() > before + 2).then_some(())
    })
    .await;
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    let next = service.one.post("/v1/bookings", &catalogue.booking(1, "next")).key("b-2").send().await;
    assert_eq!(next.status, 409, "{}", next.text);
    service.provider.faults(json!({})).await;
    assert_eq!(service.one.booking_becomes(&booking, "confirmed").await["paid"], eur(4_500));
    service.end().await;
}
