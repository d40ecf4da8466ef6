//! Actions of a person at the provider that we did not request: refunds, captures, cancels; and
//! disputes by a customer's bank. Each is processed as often as it happened, whether it is found by
//! a webhook or in the provider's list of events.

use domain::time::Span;
use serde_json::{Value, json};
use testkit::{Engine, ONE, TestCatalogue, TestService, charge, eur, payment_of, until, with};

testkit::on_both_engines![
    a_refund_in_parts_and_the_rest_by_us,
    an_event_without_a_webhook_is_read_back,
    a_refund_with_the_mark_of_another,
    a_refund_that_the_bank_sends_back,
    an_authorisation_is_captured_or_let_go,
    what_waits_for_the_customer_is_cancelled,
    a_dispute_takes_the_money_and_gives_it_back,
    a_dispute_without_webhooks,
    an_inquiry_moves_nothing,
];

async fn service(engine: Engine) -> TestService {
    TestService::with(engine, |settings| settings.events_every = Span::millis(300)).await
}

async fn captured(service: &TestService, key: &str) -> (String, String) {
    let paid = service.one.post("/v1/charges", &charge(10_000, "pm_card_visa")).key(key).expect(201).await;
    service.quiet().await;
    (paid.id(), paid.body["provider_reference"].as_str().unwrap().to_owned())
}

async fn refund(service: &TestService, object: &str, minor: i64) {
    let form = [("payment_intent", object), ("amount", &minor.to_string())];
    service.provider.by_hand(ONE, "/v1/refunds", &form).await;
}

/// The payment, once this amount counts as refunded.
async fn refunded(service: &TestService, payment: &str, minor: i64) -> Value {
    let so = |seen: &Value| seen["refunded"] == eur(minor);
    service.one.becomes(&format!("/v1/payments/{payment}"), so, &format!("{minor} are given back")).await
}

/// The kinds and amounts of the movements, in the order of their observation.
async fn movements(service: &TestService, payment: &str) -> Vec<(String, i64)> {
    let listed = service.one.see(&format!("/v1/payments/{payment}/movements")).await["data"].clone();
    let of = |movement: &Value| {
        let kind = movement["kind"].as_str().unwrap().to_owned();
        (kind, movement["amount"]["minor"].as_i64().unwrap())
    };
    listed.as_array().unwrap().iter().map(of).collect()
}

fn moved(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(kind, minor)| ((*kind).to_owned(), *minor)).collect()
}

async fn a_refund_in_parts_and_the_rest_by_us(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    for (minor, sum) in [(1_000, 1_000), (1_000, 2_000), (2_500, 4_500)] {
        refund(&service, &object, minor).await;
        refunded(&service, &payment, sum).await;
    }
    let path = format!("/v1/payments/{payment}/refunds");
    let made = service.one.see(&path).await["data"].clone();
    let made = made.as_array().unwrap();
    assert!(made.iter().all(|refund| refund["made_at_provider"] == true && refund["state"] == "succeeded"));
    let beyond = service.one.post(&path, &json!({ "amount": eur(5_501) })).key("r-1");
    beyond.refused(422, "refund_exceeds_capture").await;
    let rest = service.one.post(&path, &json!({})).key("r-2").expect(201).await;
    assert_eq!((&rest.body["amount"], &rest.body["made_at_provider"]), (&eur(5_500), &json!(false)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 10_000, 10_000, 10_000));
    let all =
        [("capture", 10_000), ("refund", 1_000), ("refund", 1_000), ("refund", 2_500), ("refund", 5_500)];
    assert_eq!(movements(&service, &payment).await, moved(&all));
    let transfers = service.one.see("/v1/ledger/transfers").await["data"].clone();
    assert_eq!(transfers.as_array().unwrap().len(), 5);
    service.end().await;
}

async fn an_event_without_a_webhook_is_read_back(engine: Engine) {
    let service = service(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    let paid =
        service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1").expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    let object = paid.body["provider_reference"].as_str().unwrap();
    service.quiet().await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    refund(&service, object, 4_000).await;
    refunded(&service, &paid.id(), 4_000).await;
    let given_back = |seen: &Value| seen["refunded"] == eur(4_000);
    let seen =
        service.one.becomes(&format!("/v1/bookings/{booking}"), given_back, "the booking counts it").await;
    assert_eq!((&seen["state"], &seen["due"], &seen["paid"]), (&json!("confirmed"), &eur(0), &eur(9_000)));
    service.provider.faults(json!({})).await;
    assert_eq!(movements(&service, &paid.id()).await, moved(&[("capture", 9_000), ("refund", 4_000)]));
    service.end().await;
}

/// Somebody copies the metadata of a refund of ours: it is still a separate refund, and a review
/// case is opened.
async fn a_refund_with_the_mark_of_another(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    let path = format!("/v1/payments/{payment}/refunds");
    let ours = service.one.post(&path, &json!({ "amount": eur(3_000) })).key("r-1").expect(201).await;
    service.quiet().await;
    let id = ours.id();
    let form = [
        ("payment_intent", object.as_str()),
        ("amount", "3000"),
        ("metadata[refund]", &id),
        ("metadata[operation]", &payment),
    ];
    service.provider.by_hand(ONE, "/v1/refunds", &form).await;
    refunded(&service, &payment, 6_000).await;
    let listed = service.one.see(&path).await["data"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let all = [("capture", 10_000), ("refund", 3_000), ("refund", 3_000)];
    assert_eq!(movements(&service, &payment).await, moved(&all));
    // The other explanation would be that we refunded twice.
    service.end_reviewed(&["provider_contradicts"]).await;
}

async fn a_refund_that_the_bank_sends_back(engine: Engine) {
    let service = service(engine).await;
    let made =
        service.one.post("/v1/charges", &charge(10_000, "pm_card_refundFail")).key("c-1").expect(201).await;
    service.quiet().await;
    refund(&service, made.body["provider_reference"].as_str().unwrap(), 6_000).await;
    until("it went, and came back", async || {
        let all = [("capture", 10_000), ("refund", 6_000), ("refund_reversal", 6_000)];
        (movements(&service, &made.id()).await == moved(&all)).then_some(())
    })
    .await;
    refunded(&service, &made.id(), 0).await;
    assert_eq!(service.quiet().await.stands(&made.id()), ("succeeded", 10_000, 10_000, 0));
    service.end_reviewed(&["refund_failed_after_it_succeeded"]).await;
}

/// With webhooks and without.
async fn an_authorisation_is_captured_or_let_go(engine: Engine) {
    let service = service(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    for (number, drop) in [0.0, 1.0].into_iter().enumerate() {
        let mut made = Vec::new();
        for end in ["capture", "cancel"] {
            let booking = catalogue.book(&service.one, &format!("b-{end}-{number}"), 1).await;
            let body = with(payment_of(&booking, "pm_card_visa"), json!({ "capture": "manual" }));
            let payment = service.one.post("/v1/payments", &body).key(&format!("p-{end}-{number}"));
            let payment = payment.expect(201).await;
            service.one.booking_becomes(&booking, "confirmed").await;
            let object = payment.body["provider_reference"].as_str().unwrap().to_owned();
            made.push((booking, payment.id(), object));
        }
        service.quiet().await;
        service.provider.faults(json!({ "webhook_drop": drop })).await;
        let path = |object: &str, end: &str| format!("/v1/payment_intents/{object}/{end}");
        let (booking, payment, object) = &made[0];
        service.provider.by_hand(ONE, &path(object, "capture"), &[("amount_to_capture", "3000")]).await;
        let taken = service.one.payment_becomes(payment, "captured").await;
        assert_eq!(taken["captured"], eur(3_000));
        let paid = |seen: &Value| seen["paid"] == eur(3_000);
        let paid = service.one.becomes(&format!("/v1/bookings/{booking}"), paid, "the booking is paid").await;
        assert_eq!((&paid["state"], &paid["due"]), (&json!("confirmed"), &eur(0)));

        // The same as an authorisation that expired: the seat stays sold, and a person decides.
        let (booking, payment, object) = &made[1];
        service.provider.by_hand(ONE, &path(object, "cancel"), &[]).await;
        service.one.payment_becomes(payment, "lapsed").await;
        let unpaid = service.one.booking(booking).await;
        assert_eq!((&unpaid["state"], &unpaid["due"]), (&json!("confirmed"), &eur(4_500)));
        assert_eq!(service.reviews().await, ["authorization_lapsed"]);
        service.resolve("authorization_lapsed").await;
        service.provider.faults(json!({})).await;
        let pays_again = payment_of(booking, "pm_card_visa");
        service.one.post("/v1/payments", &pays_again).key(&format!("q-{number}")).expect(201).await;
        service.quiet().await;
    }
    service.end().await;
}

async fn what_waits_for_the_customer_is_cancelled(engine: Engine) {
    let service = service(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    for (number, drop) in [0.0, 1.0].into_iter().enumerate() {
        let booking = catalogue.book(&service.one, &format!("b-{number}"), 1).await;
        let body = payment_of(&booking, "pm_card_authenticationRequired");
        let pending = service.one.post("/v1/payments", &body).key(&format!("p-{number}")).expect(201).await;
        service.provider.faults(json!({ "webhook_drop": drop })).await;
        let path =
            format!("/v1/payment_intents/{}/cancel", pending.body["provider_reference"].as_str().unwrap());
        service.provider.by_hand(ONE, &path, &[]).await;
        service.one.payment_becomes(&pending.id(), "cancelled").await;
        service.provider.faults(json!({})).await;
        let next = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa"));
        next.key(&format!("q-{number}")).expect(201).await;
        service.one.booking_becomes(&booking, "confirmed").await;
    }
    service.end().await;
}

/// The dispute's id, once the bank has taken the money back and a review case is open.
async fn disputed(service: &TestService, payment: &str, object: &str) -> String {
    let order = json!({ "amount": 4_000, "reason": "fraudulent" });
    let dispute = service.provider.post(&format!("/sandbox/dispute/{object}"), &order).await;
    let so = |seen: &Value| seen["disputed"] == eur(4_000);
    service.one.becomes(&format!("/v1/payments/{payment}"), so, "the dispute is seen").await;
    until("a review case is open", async || (service.reviews().await == ["payment_disputed"]).then_some(()))
        .await;
    dispute["id"].as_str().unwrap().to_owned()
}

async fn disputed_and_won(service: TestService) {
    let (payment, object) = captured(&service, "c-1").await;
    let dispute = disputed(&service, &payment, &object).await;
    let won = json!({ "outcome": "won" });
    service.provider.post(&format!("/sandbox/disputes/{dispute}"), &won).await;
    let so = |seen: &Value| seen["disputed"] == eur(0);
    service.one.becomes(&format!("/v1/payments/{payment}"), so, "the dispute is won").await;
    until("no review case is open", async || service.reviews().await.is_empty().then_some(())).await;
    let all = [("capture", 10_000), ("dispute", 4_000), ("dispute_reversal", 4_000)];
    assert_eq!(movements(&service, &payment).await, moved(&all));

    let (payment, object) = captured(&service, "c-2").await;
    let dispute = disputed(&service, &payment, &object).await;
    service.provider.post(&format!("/sandbox/disputes/{dispute}"), &json!({ "outcome": "lost" })).await;
    service.quiet().await;
    assert_eq!(movements(&service, &payment).await, moved(&[("capture", 10_000), ("dispute", 4_000)]));
    let balances = service.one.see("/v1/ledger/accounts").await["data"].clone();
    let disputes: i64 = balances
        .as_array()
        .unwrap()
        .iter()
        .filter(|account| account["name"] == "disputes")
        .map(|account| account["balance"]["minor"].as_i64().unwrap())
        .sum();
    assert_eq!(disputes.abs(), 4_000, "{balances}");
    service.provider.faults(json!({})).await;
    service.end_reviewed(&["payment_disputed"]).await;
}

async fn a_dispute_takes_the_money_and_gives_it_back(engine: Engine) {
    disputed_and_won(service(engine).await).await;
}

async fn a_dispute_without_webhooks(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    disputed_and_won(service).await;
}

async fn an_inquiry_moves_nothing(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    service.provider.post(&format!("/sandbox/dispute/{object}"), &json!({ "inquiry": true })).await;
    until("a review case is open", async || (service.reviews().await == ["payment_disputed"]).then_some(()))
        .await;
    assert_eq!(service.one.payment(&payment).await["disputed"], eur(0));
    assert_eq!(movements(&service, &payment).await, moved(&[("capture", 10_000)]));
    service.end_reviewed(&["payment_disputed"]).await;
}
