//! A booking is confirmed by evidence of its money, once, and is paid by one payment at a time.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Engine, TestCatalogue, TestService, eur, payment_of, with};

testkit::on_both_engines![
    the_webhook_confirms_and_nothing_else,
    one_payment_at_a_time,
    many_payments_at_once_are_one,
    after_a_decline_another_payment_will_do,
    a_free_booking_owes_nothing,
    a_hold_that_is_over_is_not_paid,
    money_given_back_is_not_owed_again,
    a_further_charge_is_requested_by_amount,
    a_void_frees_the_seats_that_it_secured,
];

async fn the_webhook_confirms_and_nothing_else(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    service.provider.faults(json!({ "webhook_delay_ms": [2_500, 2_500] })).await;
    let paid =
        service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1").expect(201).await;
    assert_eq!((&paid.body["state"], &paid.body["amount"]), (&json!("captured"), &eur(9_000)));
    assert_eq!(paid.body["confirmed_by_provider"], false);
    let held = service.one.booking(&booking).await;
    assert_eq!((&held["state"], &held["payment_status"]), (&json!("held"), &json!("pending")));
    assert_eq!(held["open_payment_id"], paid.body["id"]);
    assert_eq!(catalogue.vacancies(&service.one).await, 8);

    let confirmed = service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!((&confirmed["payment_status"], &confirmed["paid"]), (&json!("paid"), &eur(9_000)));
    assert_eq!((&confirmed["due"], &confirmed["open_payment_id"]), (&eur(0), &json!(null)));
    assert_eq!(service.one.payment(&paid.id()).await["confirmed_by_provider"], true);
    assert_eq!(catalogue.vacancies(&service.one).await, 8);
    let again = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-2");
    again.refused(409, "nothing_is_due").await;
    service
        .one
        .post(&format!("/v1/bookings/{booking}/cancel"), &json!({}))
        .key("x-1")
        .refused(409, "expected_refund_is_missing")
        .await;

    let history = service.one.see(&format!("/v1/bookings/{booking}/history")).await;
    let moves = history["data"].as_array().unwrap().iter();
    let confirmed = moves.filter(|entry| entry["to_state"] == "confirmed").collect::<Vec<_>>();
    assert_eq!((confirmed.len(), &confirmed[0]["actor"]), (1, &json!("webhook")));
    let books = service.quiet().await;
    assert_eq!(books.stands(&paid.id()), ("succeeded", 9_000, 9_000, 0));
    assert_eq!(books.charge_of(&paid.id())["metadata"]["booking"], booking);
    service.end().await;
}

async fn one_payment_at_a_time(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let with_a_question = payment_of(&booking, "pm_card_authenticationRequired");
    let open = service.one.post("/v1/payments", &with_a_question).key("p-1").expect(201).await;
    assert_eq!(open.body["state"], "pending");
    let body = payment_of(&booking, "pm_card_visa");
    let second =
        service.one.post("/v1/payments", &body).key("p-2").refused(409, "payment_already_open").await;
    assert_eq!(second.body["resource"], open.body["id"]);
    let cancel = format!("/v1/bookings/{booking}/cancel");
    service.one.post(&cancel, &json!({})).key("x-1").refused(409, "booking_has_open_payment").await;

    let path = format!("/v1/payments/{}/cancel", open.id());
    let ended = service.one.post(&path, &json!({})).key("x-2").expect(200).await;
    assert_eq!(ended.body["state"], "cancelled");
    // That refusal was not stored as the outcome of its key, because nothing had been done.
    let paid = service.one.post("/v1/payments", &body).key("p-3").expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&open.id()), ("canceled", 0, 0, 0));
    assert_eq!(books.stands(&paid.id()), ("succeeded", 4_500, 4_500, 0));
    service.end().await;
}

async fn many_payments_at_once_are_one(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let body = payment_of(&booking, "pm_card_visa");
    let keys: Vec<String> = (0..10).map(|number| format!("p-{number}")).collect();
    let answers =
        join_all(keys.iter().map(|key| service.one.post("/v1/payments", &body).key(key).send())).await;
    let paid: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(paid.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert!(["payment_already_open", "nothing_is_due"].contains(&answer.code()), "{}", answer.text);
    }
    service.one.booking_becomes(&booking, "confirmed").await;
    let books = service.quiet().await;
    assert_eq!(books.charges().len(), 1);
    assert_eq!(books.stands(&paid[0].id()), ("succeeded", 4_500, 4_500, 0));
    service.end().await;
}

async fn after_a_decline_another_payment_will_do(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    for number in 0..2 {
        let body = payment_of(&booking, "pm_card_chargeDeclinedInsufficientFunds");
        let key = format!("p-{number}");
        service.one.post("/v1/payments", &body).key(&key).refused(402, "payment_declined").await;
        let held = service.one.booking(&booking).await;
        assert_eq!((&held["state"], &held["payment_status"]), (&json!("held"), &json!("unpaid")));
        assert_eq!(held["open_payment_id"], json!(null));
    }
    let body = payment_of(&booking, "pm_card_visa");
    let paid = service.one.post("/v1/payments", &body).key("p-2").expect(201).await;
    let confirmed = service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!((confirmed["payments"].as_array().unwrap().len(), &confirmed["paid"]), (3, &eur(4_500)));
    let books = service.quiet().await;
    assert_eq!((books.charges().len(), books.stands(&paid.id())), (3, ("succeeded", 4_500, 4_500, 0)));
    service.end().await;
}

async fn a_free_booking_owes_nothing(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book_children(&service.one, "b-1", 2).await;
    assert_eq!(service.one.booking(&booking).await["payment_status"], "free");
    let body = payment_of(&booking, "pm_card_visa");
    service.one.post("/v1/payments", &body).key("p-1").refused(409, "nothing_is_due").await;
    assert!(service.quiet().await.calls().is_empty());
    service.end().await;
}

async fn a_hold_that_is_over_is_not_paid(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book_for(&service.one, "b-1", 1).await;
    service.one.booking_becomes(&booking, "expired").await;
    assert_eq!(catalogue.vacancies(&service.one).await, 10);
    let body = payment_of(&booking, "pm_card_visa");
    service.one.post("/v1/payments", &body).key("p-1").refused(409, "hold_has_expired").await;
    assert!(
        service.one.post("/v1/payments", &body).key("p-1").refused(409, "hold_has_expired").await.is_replay()
    );
    assert!(service.quiet().await.calls().is_empty());
    service.end().await;
}

async fn money_given_back_is_not_owed_again(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    let body = payment_of(&booking, "pm_card_visa");
    let paid = service.one.post("/v1/payments", &body).key("p-1").expect(201).await.id();
    service.one.booking_becomes(&booking, "confirmed").await;
    for (number, (minor, sum, status)) in
        [(1_000, 1_000, "partially_refunded"), (8_000, 9_000, "refunded")].into_iter().enumerate()
    {
        let part = json!({ "amount": eur(minor) });
        let path = format!("/v1/payments/{paid}/refunds");
        service.one.post(&path, &part).key(&format!("r-{number}")).expect(201).await;
        let seen = service.one.booking(&booking).await;
        assert_eq!((&seen["refunded"], &seen["due"]), (&eur(sum), &eur(0)));
        assert_eq!(seen["payment_status"], status);
        let again = service.one.post("/v1/payments", &body).key(&format!("p-again-{number}"));
        again.refused(409, "nothing_is_due").await;
    }
    assert_eq!(service.quiet().await.charges().len(), 1);
    service.end().await;
}

async fn a_further_charge_is_requested_by_amount(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    let body = payment_of(&booking, "pm_card_visa");
    let part = |minor: i64| with(body.clone(), json!({ "amount": eur(minor) }));
    // An amount that does not cover a hold secures nothing.
    let short = service.one.post("/v1/payments", &part(8_999)).key("p-1");
    short.refused(422, "amount_does_not_cover_what_is_due").await;
    let paid = service.one.post("/v1/payments", &body).key("p-2").expect(201).await.id();
    service.one.booking_becomes(&booking, "confirmed").await;
    let back = json!({ "amount": eur(4_500) });
    service.one.post(&format!("/v1/payments/{paid}/refunds"), &back).key("r-1").expect(201).await;
    let much = service.one.post("/v1/payments", &part(4_501)).key("p-3");
    much.refused(422, "amount_exceeds_total").await;
    let again = service.one.post("/v1/payments", &part(2_000)).key("p-4").expect(201).await.id();
    let path = format!("/v1/bookings/{booking}");
    let seen = service.one.becomes(&path, |seen| seen["paid"] == eur(11_000), "it is counted").await;
    assert_eq!((&seen["state"], &seen["due"]), (&json!("confirmed"), &eur(0)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&again), ("succeeded", 2_000, 2_000, 0));
    service.end().await;
}

async fn a_void_frees_the_seats_that_it_secured(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    let manual = with(payment_of(&booking, "pm_card_visa"), json!({ "capture": "manual" }));
    let secured = service.one.post("/v1/payments", &manual).key("p-1").expect(201).await.id();
    service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(catalogue.vacancies(&service.one).await, 8);
    let cancel = format!("/v1/payments/{secured}/cancel");
    service.one.post(&cancel, &json!({})).key("x-1").expect(200).await;
    let seen = service.one.booking_becomes(&booking, "cancelled").await;
    assert_eq!((&seen["authorized"], &seen["paid"]), (&eur(0), &eur(0)));
    assert_eq!(catalogue.vacancies(&service.one).await, 10);
    let body = payment_of(&booking, "pm_card_visa");
    service.one.post("/v1/payments", &body).key("p-2").refused(409, "booking_is_not_held").await;
    assert_eq!(service.quiet().await.stands(&secured), ("canceled", 9_000, 0, 0));
    service.end().await;
}
