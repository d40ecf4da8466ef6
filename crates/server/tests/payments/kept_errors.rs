//! The provider answers with an error of its own, and keeps it under the key: a repetition gets the
//! same error, and only the object shows what happened.
//!
//! A call that moves no money is repeated under another key; one that does, once the object shows
//! that nothing moved.

use domain::time::Span;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestService, charge, eur, payment_of, until, with};

testkit::on_both_engines![
    a_kept_error_ends_with_the_trouble,
    what_happened_behind_a_kept_error_is_found,
    kept_errors_in_the_midst_of_others,
    a_declined_card_makes_room_for_the_next,
    a_refund_goes_out_under_another_key,
    a_cancel_waits_for_what_the_provider_works_on,
    the_trouble_of_one_payment_stops_no_other,
];

async fn service(engine: Engine) -> TestService {
    TestService::with(engine, |settings| {
        settings.pace.evidence_after = Span::millis(300);
        settings.pace.another_key_after = Span::millis(500);
    })
    .await
}

fn manual(minor: i64) -> Value {
    with(charge(minor, "pm_card_visa"), json!({ "capture": "manual" }))
}

/// Each operation on a payment, while the provider answers all calls with `fault`, and afterwards;
/// then the provider's books are checked.
async fn each_verb_under(engine: Engine, fault: &str) -> TestService {
    let service = service(engine).await;
    let mut made = Vec::new();
    for number in 0..2 {
        let request = service.one.post("/v1/payments", &manual(1_000)).key(&format!("p-{number}"));
        made.push(request.expect(201).await.id());
    }
    let [captured, let_go] = <[String; 2]>::try_from(made).unwrap();
    let charged =
        service.one.post("/v1/charges", &charge(900, "pm_card_visa")).key("c-1").expect(201).await.id();
    service.quiet().await;

    service.provider.faults(json!({ fault: 1.0 })).await;
    let whole = charge(700, "pm_card_visa");
    let requests = [
        ("/v1/charges".to_owned(), whole.clone(), 201),
        (format!("/v1/payments/{captured}/capture"), json!({ "amount": eur(600) }), 200),
        (format!("/v1/payments/{let_go}/cancel"), json!({}), 200),
        (format!("/v1/payments/{charged}/refunds"), json!({ "amount": eur(400) }), 201),
    ];
    for (number, (path, body, _)) in requests.iter().enumerate() {
        service.one.post(path, body).key(&format!("k-{number}")).without_waiting().expect(202).await;
    }
    let ends = ["/v1/payment_intents", "/capture", "/cancel", "/v1/refunds"];
    until("each was sent, and repeated if allowed", async || {
        let books = service.provider.books().await;
        let sent = |end: &&str| books.arrivals("POST", end) > usize::from(*end == "/v1/payment_intents") * 3;
        ends.iter().all(sent).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let answers = join_all(requests.iter().enumerate().map(|(number, (path, body, _))| {
        let (service, key) = (&service, format!("k-{number}"));
        async move { service.one.persist(path, body, &key).await }
    }))
    .await;
    for (answer, (path, _, status)) in answers.iter().zip(&requests) {
        assert_eq!(answer.status, *status, "{path}: {}", answer.text);
    }
    let books = service.quiet().await;
    assert_eq!(books.stands(&answers[0].id()), ("succeeded", 700, 700, 0));
    assert_eq!(books.stands(&captured), ("succeeded", 1_000, 600, 0));
    assert_eq!(books.stands(&let_go), ("canceled", 1_000, 0, 0));
    assert_eq!(books.stands(&charged), ("succeeded", 900, 900, 400));
    assert_eq!(books.refunds_of(&charged), [(400, "succeeded")]);
    service
}

async fn a_kept_error_ends_with_the_trouble(engine: Engine) {
    each_verb_under(engine, "kept_500").await.end().await;
}

async fn what_happened_behind_a_kept_error_is_found(engine: Engine) {
    each_verb_under(engine, "commit_then_kept_500").await.end().await;
}

/// Some calls of each kind fail permanently, with and without an effect, and others are lost.
async fn kept_errors_in_the_midst_of_others(engine: Engine) {
    let service = service(engine).await;
    let faults = json!({
        "seed": 5, "kept_500": 0.2, "commit_then_kept_500": 0.2, "commit_then_drop": 0.1, "drop_before": 0.1,
        "commit_then_500": 0.1,
    });
    service.provider.faults(faults).await;
    let (one, whole) = (&service.one, charge(2_000, "pm_card_visa"));
    let back = json!({ "amount": eur(500) });
    let lives = (0..12).map(|number| {
        let (whole, back) = (&whole, &back);
        async move {
            let paid = one.persist("/v1/charges", whole, &format!("c-{number}")).await;
            assert_eq!((paid.status, &paid.body["state"]), (201, &json!("captured")), "{}", paid.text);
            let path = format!("/v1/payments/{}/refunds", paid.id());
            let refund = one.persist(&path, back, &format!("r-{number}")).await;
            assert_eq!((refund.status, &refund.body["state"]), (201, &json!("succeeded")), "{}", refund.text);
            paid.id()
        }
    });
    let payments = join_all(lives).await;
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    for payment in &payments {
        assert_eq!(books.refunds_of(payment), [(500, "succeeded")]);
        assert_eq!(service.one.payment(payment).await["refunded"], eur(500));
    }
    service.end().await;
}

/// The cancel of a declined payment gets a kept error. The payment still fails, and the booking can
/// be paid by another card.
async fn a_declined_card_makes_room_for_the_next(engine: Engine) {
    let service = service(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let body = payment_of(&booking, "pm_card_authenticationRequired");
    let pending = service.one.post("/v1/payments", &body).key("p-1").expect(201).await;
    let object = pending.body["provider_reference"].as_str().unwrap();
    service.provider.faults(json!({ "kept_500": 1.0 })).await;
    service.provider.authenticate(object, false).await;
    until("the provider failed at the clean-up again and again", async || {
        (service.provider.books().await.arrivals("POST", "/cancel") > 2).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let failed = service.one.payment_becomes(&pending.id(), "failed").await;
    assert_eq!(failed["failure"]["code"], "payment_intent_authentication_failure");
    let next = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-2");
    let next = next.expect(201).await.id();
    service.one.booking_becomes(&booking, "confirmed").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&pending.id()), ("canceled", 0, 0, 0));
    assert_eq!(books.stands(&next), ("succeeded", 4_500, 4_500, 0));
    service.end().await;
}

/// Its first key is spent. Its amount is locked only until the next key succeeds.
async fn a_refund_goes_out_under_another_key(engine: Engine) {
    let service = service(engine).await;
    let paid =
        service.one.post("/v1/charges", &charge(1_000, "pm_card_visa")).key("c-1").expect(201).await.id();
    service.quiet().await;
    service.provider.faults(json!({ "kept_500": 1.0 })).await;
    let path = format!("/v1/payments/{paid}/refunds");
    let back = json!({ "amount": eur(1_000) });
    service.one.post(&path, &back).key("r-1").without_waiting().expect(202).await;
    until("it was sent", async || {
        (service.provider.books().await.arrivals("POST", "/v1/refunds") > 0).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let made = service.one.persist(&path, &back, "r-1").await;
    assert_eq!((made.status, &made.body["state"]), (201, &json!("succeeded")), "{}", made.text);
    let books = service.quiet().await;
    assert_eq!(books.refunds_of(&paid), [(1_000, "succeeded")]);
    let sent = books.calls().iter().filter(|call| call["path"] == "/v1/refunds" && call["method"] == "POST");
    let keys: Vec<&str> = sent.map(|call| call["idempotency_key"].as_str().unwrap()).collect();
    assert!(keys.len() >= 2 && keys.first() != keys.last(), "{keys:?}");
    service.end().await;
}

/// Stripe refuses to cancel an object that it works on.
async fn a_cancel_waits_for_what_the_provider_works_on(engine: Engine) {
    let service = service(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book_for(&service.one, "b-1", 2).await;
    service.provider.faults(json!({ "stuck_processing": 1.0, "processing_ms": [4_000, 4_000] })).await;
    let pay = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    let begun = pay.without_waiting().expect(202).await.id();
    service
        .one
        .becomes(&format!("/v1/payments/{begun}"), |seen| seen["state"] == "pending", "it is sent")
        .await;
    let cancel = service.one.post(&format!("/v1/payments/{begun}/cancel"), &json!({})).key("x-1");
    cancel.without_waiting().expect(202).await;
    // The hold expires too, which calls the payment off.
    service.one.payment_becomes(&begun, "captured").await;
    let seen = service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(seen["paid"], eur(4_500));
    let cancel = service.one.persist(&format!("/v1/payments/{begun}/cancel"), &json!({}), "x-1").await;
    assert_eq!((cancel.status, cancel.code()), (409, "payment_is_final"), "{}", cancel.text);
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&begun), ("succeeded", 4_500, 4_500, 0));
    assert!(books.arrivals("POST", "/cancel") <= 1, "it is not repeated while it would be refused again");
    service.end().await;
}

/// Two charges get only errors, repeatedly; all other work of the account goes on.
async fn the_trouble_of_one_payment_stops_no_other(engine: Engine) {
    let service = TestService::with(engine, |settings| settings.guard.breaker.calls_min = 4).await;
    service.provider.faults(json!({ "kept_500": 1.0 })).await;
    let body = charge(1_000, "pm_card_visa");
    for number in 0..2 {
        let request = service.one.post("/v1/charges", &body).key(&format!("c-{number}")).without_waiting();
        request.expect(202).await;
    }
    until("they got errors, one after another", async || {
        (service.provider.books().await.arrivals("POST", "/v1/payment_intents") >= 16).then_some(())
    })
    .await;
    assert_eq!(service.one.see("/v1/ops/breakers").await["data"][0]["state"], "closed");
    service.provider.faults(json!({})).await;
    for key in ["c-9", "c-0", "c-1"] {
        assert_eq!(service.one.persist("/v1/charges", &body, key).await.status, 201);
    }
    service.end().await;
}
