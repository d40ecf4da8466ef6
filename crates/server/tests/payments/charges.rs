//! A charge moves money once, however it is requested, and always gives the same reply.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Engine, TestService, charge, eur, with};

testkit::on_both_engines![
    a_charge_is_made_once_and_replayed,
    fifty_at_once_are_one,
    a_client_need_not_wait,
    a_decline_is_an_answer,
    a_decline_keeps_its_reason,
    an_amount_that_the_provider_cannot_move_is_refused,
    an_order_that_the_provider_turns_away,
    a_card_number_goes_nowhere,
    an_outage_only_delays,
    each_tenant_charges_at_its_own_account,
    minor_units_are_those_of_the_currency,
];

async fn a_charge_is_made_once_and_replayed(engine: Engine) {
    let service = TestService::on(engine).await;
    let body = with(
        charge(1_250, "pm_card_visa"),
        json!({ "reference": "INV-7", "metadata": { "tour": "sunset", "operation": "mine" } }),
    );
    let made = service.one.post("/v1/charges", &body).key("c-1").expect(201).await;
    let path = format!("/v1/payments/{}", made.id());
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!((&made.body["state"], &made.body["captured"]), (&json!("captured"), &eur(1_250)));
    assert!(!made.is_replay());

    // White space and the order of members do not make it another request.
    let again = format!("  {}", body.to_string().replace(',', " , ")).into_bytes();
    let again = service.one.post("/v1/charges", &body).raw(again).key("\"c-1\"").expect(201).await;
    assert!(again.is_replay());
    assert_eq!((&again.text, again.header("location")), (&made.text, Some(path.as_str())));
    let other = with(body.clone(), json!({ "amount": eur(1_251) }));
    service.one.post("/v1/charges", &other).key("c-1").refused(422, "idempotency_key_reused").await;
    service.one.post("/v1/payments", &body).key("c-1").refused(422, "idempotency_key_reused").await;

    let shown =
        service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "the webhook came").await;
    assert_eq!(shown["state"], "captured");
    service.two.get(&path).refused(404, "payment_not_found").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("succeeded", 1_250, 1_250, 0));
    let theirs = books.charge_of(&made.id());
    assert_eq!((&theirs["id"], &theirs["account"]), (&made.body["provider_reference"], &json!("acct_one")));
    assert_eq!(
        (&theirs["metadata"]["reference"], &theirs["metadata"]["tour"]),
        (&json!("INV-7"), &json!("sunset"))
    );
    assert_eq!(books.arrivals("POST", "/v1/payment_intents"), 1);
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}

async fn fifty_at_once_are_one(engine: Engine) {
    let service = TestService::on(engine).await;
    let body = charge(900, "pm_card_visa");
    let answers = join_all((0..50).map(|_| service.one.post("/v1/charges", &body).key("c-1").send())).await;
    let made = answers.iter().find(|answer| answer.status == 201 && !answer.is_replay()).unwrap();
    for answer in &answers {
        if answer.status == 201 {
            assert_eq!(answer.text, made.text);
        } else {
            assert_eq!((answer.status, answer.code()), (409, "request_in_progress"), "{}", answer.text);
            assert_eq!(answer.body["resource"], made.body["id"]);
            assert!(answer.header("retry-after").is_some());
        }
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 201 && !answer.is_replay()).count(), 1);
    assert!(service.one.post("/v1/charges", &body).key("c-1").expect(201).await.is_replay());
    let books = service.quiet().await;
    assert_eq!(books.charges().len(), 1);
    assert_eq!(books.stands(&made.id()), ("succeeded", 900, 900, 0));
    assert_eq!(books.arrivals("POST", "/v1/payment_intents"), 1);
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}

async fn a_client_need_not_wait(engine: Engine) {
    let service = TestService::on(engine).await;
    service.provider.faults(json!({ "delay_ms": [400, 400] })).await;
    for (key, prefer) in [("c-1", "respond-async"), ("c-2", "wait=0")] {
        let body = charge(700, "pm_card_visa");
        let begun =
            service.one.post("/v1/charges", &body).key(key).header("prefer", prefer).expect(202).await;
        assert_eq!(begun.body["state"], "created");
        let path = format!("/v1/payments/{}", begun.id());
        assert_eq!(begun.header("location"), Some(path.as_str()));
        let waits = service.one.post("/v1/charges", &body).key(key).refused(409, "request_in_progress").await;
        assert_eq!(waits.body["resource"], begun.body["id"]);
        service.one.payment_becomes(&begun.id(), "captured").await;
        let reply = service.one.post("/v1/charges", &body).key(key).expect(201).await;
        assert_eq!((reply.is_replay(), reply.id()), (true, begun.id()));
        let found = service.one.see(&format!("/v1/payments?idempotency_key={key}")).await;
        assert_eq!(found["data"][0]["id"], begun.body["id"]);
    }
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    assert_eq!((books.charges().len(), books.arrivals("POST", "/confirm")), (2, 2));
    service.end().await;
}

async fn a_decline_is_an_answer(engine: Engine) {
    let service = TestService::on(engine).await;
    for (card, code, retryable) in [
        ("pm_card_chargeDeclined", "generic_decline", true),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds", true),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", true),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", true),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", true),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card", false),
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card", false),
        ("pm_card_chargeDeclinedFraudulent", "fraudulent", false),
    ] {
        let body = charge(2_000, card);
        let declined =
            service.one.post("/v1/charges", &body).key(card).refused(402, "payment_declined").await;
        assert_eq!(
            declined.body["failure"],
            json!({ "code": code, "another_attempt_may_succeed": retryable }),
            "{card}"
        );
        let payment = declined.body["payment_id"].as_str().unwrap().to_owned();
        assert_eq!(declined.header("location"), Some(format!("/v1/payments/{payment}").as_str()));
        let again = service.one.post("/v1/charges", &body).key(card).refused(402, "payment_declined").await;
        assert!(again.is_replay());
        assert_eq!(again.text, declined.text);
        let shown = service.one.payment(&payment).await;
        assert_eq!((&shown["state"], &shown["failure"]["code"]), (&json!("failed"), &json!(code)));
        // It cannot succeed later: it was cancelled at the provider before it failed here.
        assert_eq!(service.provider.books().await.stands(&payment), ("canceled", 0, 0, 0), "{card}");
    }
    let books = service.quiet().await;
    assert_eq!((books.charges().len(), books.arrivals("POST", "/confirm")), (8, 8));
    service.end().await;
}

/// The declined object is cancelled, and the reply to the cancel is lost. That reply contains no
/// reason.
async fn a_decline_keeps_its_reason(engine: Engine) {
    let service = TestService::on(engine).await;
    service.provider.faults(json!({ "seed": 2, "commit_then_drop": 0.5 })).await;
    let body = charge(2_000, "pm_card_visa_chargeDeclinedLostCard");
    let requests = (0..12).map(|number| {
        let (one, body) = (&service.one, &body);
        async move { one.persist("/v1/charges", body, &format!("c-{number}")).await }
    });
    for declined in join_all(requests).await {
        assert_eq!((declined.status, declined.code()), (402, "payment_declined"), "{}", declined.text);
        assert_eq!(
            declined.body["failure"],
            json!({ "code": "lost_card", "another_attempt_may_succeed": false })
        );
        let payment = service.one.payment(declined.body["payment_id"].as_str().unwrap()).await;
        assert_eq!((&payment["state"], &payment["failure"]["code"]), (&json!("failed"), &json!("lost_card")));
    }
    service.provider.faults(json!({})).await;
    service.end().await;
}

/// `payment_declined` is only for a provider's decline.
async fn an_amount_that_the_provider_cannot_move_is_refused(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let money = |minor: i64, currency: &str| json!({ "minor": minor, "currency": currency });
    let charge_of =
        |minor, currency| with(charge(0, "pm_card_visa"), json!({ "amount": money(minor, currency) }));
    for (key, minor, currency, code) in [
        ("c-1", 501, "MGA", "amount_is_not_payable"),
        ("c-2", 100_000_000, "EUR", "amount_is_not_payable"),
        ("c-3", 49, "EUR", "amount_is_not_payable"),
        ("c-4", 1_235, "KWD", "amount_is_not_payable"),
        ("c-5", 1_000, "XAU", "currency_is_not_taken"),
    ] {
        service.one.post("/v1/charges", &charge_of(minor, currency)).key(key).refused(422, code).await;
    }
    assert!(service.quiet().await.calls().is_empty());

    let manual = with(charge_of(1_000_000, "MGA"), json!({ "capture": "manual" }));
    let reserved = service.one.post("/v1/payments", &manual).key("p-1").expect(201).await.id();
    let part = json!({ "amount": money(150, "MGA") });
    let path = |verb: &str| format!("/v1/payments/{reserved}/{verb}");
    service.one.post(&path("capture"), &part).key("k-1").refused(422, "amount_is_not_payable").await;
    service.one.post(&path("capture"), &json!({})).key("k-2").expect(200).await;
    service.one.post(&path("refunds"), &part).key("r-1").refused(422, "amount_is_not_payable").await;
    assert_eq!(service.quiet().await.arrivals("POST", "/v1/refunds"), 0);
    let part = json!({ "amount": money(200, "MGA") });
    service.one.post(&path("refunds"), &part).key("r-2").expect(201).await;
    assert_eq!(service.quiet().await.refunds_of(&reserved), [(2, "succeeded")]);
    service.end().await;
}

async fn an_order_that_the_provider_turns_away(engine: Engine) {
    let service = TestService::on(engine).await;
    let body = charge(2_000, "pm_nobodys");
    let code = "payment_method_not_accepted";
    let refused = service.one.post("/v1/charges", &body).key("c-1").refused(422, code).await;
    assert_eq!(
        refused.body["failure"],
        json!({ "code": "resource_missing", "another_attempt_may_succeed": false })
    );
    let payment = refused.body["payment_id"].as_str().unwrap();
    assert_eq!(service.one.payment(payment).await["state"], "failed");
    assert!(service.one.post("/v1/charges", &body).key("c-1").refused(422, code).await.is_replay());
    let books = service.quiet().await;
    assert_eq!((books.charges().len(), books.calls().len()), (0, 1));
    service.end().await;
}

async fn a_card_number_goes_nowhere(engine: Engine) {
    let service = TestService::on(engine).await;
    let with_card = charge(2_000, "4242424242424242");
    let refused =
        service.one.post("/v1/charges", &with_card).key("c-1").refused(400, "card_number_refused").await;
    assert!(!refused.text.contains("4242"));
    assert!(service.quiet().await.calls().is_empty());
    assert_eq!(service.one.see("/v1/payments").await["data"], json!([]));
    // A refusal before any work is not stored: the same key may succeed.
    let body = charge(2_000, "pm_card_visa");
    service.one.post("/v1/charges", &body).key("c-1").expect(201).await;
    service.end().await;
}

async fn an_outage_only_delays(engine: Engine) {
    let service = TestService::on(engine).await;
    service.provider.faults(json!({ "drop_before": 1.0 })).await;
    let body = charge(2_000, "pm_card_visa");
    let begun =
        service.one.post("/v1/charges", &body).key("c-1").header("prefer", "wait=1").expect(202).await;
    service.one.post("/v1/charges", &body).key("c-1").refused(409, "request_in_progress").await;
    service.provider.faults(json!({})).await;
    service.one.payment_becomes(&begun.id(), "captured").await;
    assert!(service.one.post("/v1/charges", &body).key("c-1").expect(201).await.is_replay());
    let books = service.quiet().await;
    assert_eq!(books.stands(&begun.id()), ("succeeded", 2_000, 2_000, 0));
    service.end().await;
}

async fn each_tenant_charges_at_its_own_account(engine: Engine) {
    let service = TestService::on(engine).await;
    let body = charge(2_000, "pm_card_visa");
    let (one, two) = (&service.one, &service.two);
    // The same key of two tenants is two keys.
    let made =
        join_all([one, two].map(|client| client.post("/v1/charges", &body).key("c-1").expect(201))).await;
    let books = service.quiet().await;
    for (made, account) in made.iter().zip(["acct_one", "acct_two"]) {
        assert_eq!(books.charge_of(&made.id())["account"], account);
    }
    for client in [one, two] {
        assert_eq!(client.see("/v1/payments").await["data"].as_array().unwrap().len(), 1);
        assert_eq!(client.see("/v1/ledger/transfers").await["data"].as_array().unwrap().len(), 1);
    }
    service.end().await;
}

async fn minor_units_are_those_of_the_currency(engine: Engine) {
    let service = TestService::on(engine).await;
    // Stripe counts kronur in hundredths, although the currency has none.
    for (currency, minor, theirs) in [("JPY", 1_200, 1_200), ("ISK", 1_200, 120_000), ("KWD", 1_230, 1_230)] {
        let amount = json!({ "amount": { "minor": minor, "currency": currency } });
        let body = with(charge(0, "pm_card_visa"), amount);
        let made = service.one.post("/v1/charges", &body).key(currency).expect(201).await;
        assert_eq!(made.body["captured"], body["amount"]);
        assert_eq!(service.quiet().await.stands(&made.id()), ("succeeded", theirs, theirs, 0));
    }
    service.end().await;
}
