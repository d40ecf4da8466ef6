//! Money that is authorised first: captured once, in whole or in part, or voided; and never both.
//!
//! The service fetches objects soon in all of these tests: a webhook ends the job of the charge,
//! and the job of a capture ends at its next check.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestClient, TestService, charge, eur, payment_of, with};

testkit::on_both_engines![
    an_authorisation_confirms_and_is_captured,
    a_part_may_be_captured,
    captures_at_once_are_one,
    no_more_than_was_authorised,
    an_authorisation_is_let_go,
    capture_or_cancel_but_not_both,
    a_lost_answer_captures_nothing_twice,
    an_authorisation_runs_out,
];

fn manual(body: Value) -> Value {
    with(body, json!({ "capture": "manual" }))
}

fn amount(minor: i64, payment_method: &str) -> Value {
    manual(charge(minor, payment_method))
}

/// An authorised payment, and its path.
async fn authorised(client: &TestClient, body: &Value, key: &str) -> (String, String) {
    let made = client.post("/v1/payments", body).key(key).expect(201).await;
    assert_eq!((&made.body["state"], &made.body["captured"]), (&json!("authorized"), &eur(0)));
    assert_eq!(made.body["authorized"], made.body["amount"]);
    (made.id(), format!("/v1/payments/{}", made.id()))
}

async fn an_authorisation_confirms_and_is_captured(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let (payment, path) =
        authorised(&service.one, &manual(payment_of(&booking, "pm_card_visa")), "p-1").await;
    let secured = service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!((&secured["payment_status"], &secured["authorized"]), (&json!("authorized"), &eur(4_500)));
    assert_eq!((&secured["paid"], &secured["open_payment_id"]), (&eur(0), &json!(payment)));
    assert_eq!(service.provider.books().await.stands(&payment), ("requires_capture", 4_500, 0, 0));
    assert_eq!(service.one.see("/v1/ledger/transfers").await["data"], json!([]));

    let taken = service.one.post(&format!("{path}/capture"), &json!({})).key("k-1").expect(200).await;
    assert_eq!((&taken.body["state"], &taken.body["captured"]), (&json!("captured"), &eur(4_500)));
    let again = service.one.post(&format!("{path}/capture"), &json!({})).key("k-1").expect(200).await;
    assert_eq!((again.is_replay(), &again.text), (true, &taken.text));
    let capture = service.one.post(&format!("{path}/capture"), &json!({})).key("k-2");
    capture.refused(409, "payment_is_not_authorized").await;
    let paid = |seen: &Value| seen["payment_status"] == "paid";
    let paid = service.one.becomes(&format!("/v1/bookings/{booking}"), paid, "the booking is paid").await;
    assert_eq!((&paid["paid"], &paid["authorized"], &paid["due"]), (&eur(4_500), &eur(0), &eur(0)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(books.arrivals("POST", "/capture"), 1);
    service.end().await;
}

async fn a_part_may_be_captured(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (payment, path) = authorised(&service.one, &amount(4_500, "pm_card_visa"), "p-1").await;
    let part = json!({ "amount": eur(2_000) });
    let taken = service.one.post(&format!("{path}/capture"), &part).key("k-1").expect(200).await;
    assert_eq!((&taken.body["captured"], &taken.body["authorized"]), (&eur(2_000), &eur(4_500)));
    let refund = json!({ "amount": eur(2_001) });
    let refund = service.one.post(&format!("{path}/refunds"), &refund).key("r-1");
    refund.refused(422, "refund_exceeds_capture").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, 2_000, 0));

    // A booking of which the tenant captures a part is paid by it.
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let (_, path) = authorised(&service.one, &manual(payment_of(&booking, "pm_card_visa")), "p-2").await;
    service.one.post(&format!("{path}/capture"), &part).key("k-2").expect(200).await;
    let paid = |seen: &Value| seen["paid"] == eur(2_000);
    let paid = service.one.becomes(&format!("/v1/bookings/{booking}"), paid, "the part is counted").await;
    assert_eq!((&paid["state"], &paid["open_payment_id"]), (&json!("confirmed"), &json!(null)));
    // The amount that the tenant gave up is not due.
    assert_eq!((&paid["due"], &paid["payment_status"]), (&eur(0), &json!("paid")));
    let again = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-3");
    again.refused(409, "nothing_is_due").await;
    service.end().await;
}

async fn captures_at_once_are_one(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (payment, path) = authorised(&service.one, &amount(4_500, "pm_card_visa"), "p-1").await;
    let captures = (0..10).map(|number| {
        let part = json!({ "amount": eur(1_000 + number) });
        service.one.post(&format!("{path}/capture"), &part).key(&format!("k-{number}")).send()
    });
    let answers = join_all(captures).await;
    let taken: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(taken.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let codes = ["payment_has_operation_in_progress", "payment_is_not_authorized"];
        assert!(answer.status == 409 && codes.contains(&answer.code()), "{}", answer.text);
    }
    let books = service.quiet().await;
    let captured = taken[0].body["captured"]["minor"].as_i64().unwrap();
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, captured, 0));
    assert_eq!(books.arrivals("POST", "/capture"), 1);
    service.end().await;
}

async fn no_more_than_was_authorised(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (payment, path) = authorised(&service.one, &amount(4_500, "pm_card_visa"), "p-1").await;
    for (key, more) in [("k-1", eur(4_501)), ("k-2", json!({ "minor": 4_500, "currency": "USD" }))] {
        let capture = service.one.post(&format!("{path}/capture"), &json!({ "amount": more })).key(key);
        capture.refused(422, "capture_exceeds_authorization").await;
    }
    let nothing = service.one.post(&format!("{path}/capture"), &json!({ "amount": eur(0) })).key("k-3");
    nothing.refused(400, "validation_failed").await;
    let foreign = service.two.post(&format!("{path}/capture"), &json!({})).key("k-4");
    foreign.refused(404, "payment_not_found").await;
    assert_eq!(service.provider.books().await.arrivals("POST", "/capture"), 0);
    service
        .one
        .post(&format!("{path}/capture"), &json!({ "amount": eur(4_500) }))
        .key("k-5")
        .expect(200)
        .await;
    assert_eq!(service.quiet().await.stands(&payment), ("succeeded", 4_500, 4_500, 0));
    service.end().await;
}

async fn an_authorisation_is_let_go(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (payment, path) = authorised(&service.one, &amount(4_500, "pm_card_visa"), "p-1").await;
    let gone = service.one.post(&format!("{path}/cancel"), &json!({})).key("x-1").expect(200).await;
    assert_eq!((&gone.body["state"], &gone.body["captured"]), (&json!("cancelled"), &eur(0)));
    assert!(service.one.post(&format!("{path}/cancel"), &json!({})).key("x-1").expect(200).await.is_replay());
    let capture = service.one.post(&format!("{path}/capture"), &json!({})).key("k-1");
    capture.refused(409, "payment_is_not_authorized").await;
    let refund = service.one.post(&format!("{path}/refunds"), &json!({})).key("r-1");
    refund.refused(409, "payment_is_not_captured").await;
    assert_eq!(service.quiet().await.stands(&payment), ("canceled", 4_500, 0, 0));
    service.end().await;
}

async fn capture_or_cancel_but_not_both(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let mut payments = Vec::new();
    for number in 0..8 {
        let body = amount(1_000 + number, "pm_card_visa");
        payments.push(authorised(&service.one, &body, &format!("p-{number}")).await);
    }
    let one = &service.one;
    let races = payments.iter().enumerate().map(|(number, (payment, path))| async move {
        let request = |verb: &str| {
            one.post(&format!("{path}/{verb}"), &json!({})).key(&format!("{verb}-{number}")).send()
        };
        let (capture, cancel) = if number % 2 == 0 {
            futures_util::future::join(request("capture"), request("cancel")).await
        } else {
            let (cancel, capture) = futures_util::future::join(request("cancel"), request("capture")).await;
            (capture, cancel)
        };
        let (won, lost) = if capture.status == 200 { (&capture, &cancel) } else { (&cancel, &capture) };
        assert_eq!((won.status, lost.status), (200, 409), "{} {}", capture.text, cancel.text);
        (payment.clone(), capture.status == 200)
    });
    let ends = join_all(races).await;
    let books = service.quiet().await;
    for (payment, captured) in ends {
        let (status, authorized, taken, refunded) = books.stands(&payment);
        let expected = if captured { ("succeeded", authorized) } else { ("canceled", 0) };
        assert_eq!((status, taken, refunded), (expected.0, expected.1, 0));
    }
    service.end().await;
}

async fn a_lost_answer_captures_nothing_twice(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let mut payments = Vec::new();
    for number in 0..10 {
        payments.push(authorised(&service.one, &amount(3_000, "pm_card_visa"), &format!("p-{number}")).await);
    }
    let faults = json!({ "seed": 7, "commit_then_drop": 0.4, "commit_then_500": 0.3, "drop_before": 0.2 });
    service.provider.faults(faults).await;
    let requests = payments.iter().enumerate().map(|(number, (_, path))| {
        let (verb, body) = match number % 3 {
            0 => ("cancel", json!({})),
            _ => ("capture", json!({ "amount": eur(2_500) })),
        };
        let (one, path) = (&service.one, format!("{path}/{verb}"));
        async move { one.persist(&path, &body, &format!("k-{number}")).await }
    });
    let answers = join_all(requests).await;
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    for (number, (answer, (payment, _))) in answers.iter().zip(&payments).enumerate() {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let expected =
            if number % 3 == 0 { ("canceled", 3_000, 0, 0) } else { ("succeeded", 3_000, 2_500, 0) };
        assert_eq!(books.stands(payment), expected);
    }
    service.end().await;
}

async fn an_authorisation_runs_out(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let (payment, path) =
        authorised(&service.one, &manual(payment_of(&booking, "pm_card_visa")), "p-1").await;
    service.one.booking_becomes(&booking, "confirmed").await;
    let object = service.one.payment(&payment).await["provider_reference"].as_str().unwrap().to_owned();
    service.provider.post(&format!("/sandbox/expire/{object}"), &json!({})).await;
    service.one.payment_becomes(&payment, "lapsed").await;
    let capture = service.one.post(&format!("{path}/capture"), &json!({})).key("k-1");
    capture.refused(409, "payment_is_not_authorized").await;
    // The customer is not at fault, and the seats stay sold; a person decides.
    let unpaid = service.one.booking(&booking).await;
    assert_eq!((&unpaid["state"], &unpaid["payment_status"]), (&json!("confirmed"), &json!("unpaid")));
    assert_eq!(service.quiet().await.stands(&payment), ("canceled", 4_500, 0, 0));
    service.end_reviewed(&["authorization_lapsed"]).await;
}
