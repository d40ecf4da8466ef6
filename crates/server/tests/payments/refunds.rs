//! Money goes back once per requested refund, and never more than was captured.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestReply, TestService, charge, eur, payment_of, until};

testkit::on_both_engines![
    all_of_it_goes_back,
    parts_go_back_until_nothing_is_left,
    ten_at_once_never_take_more_than_there_is,
    a_lost_answer_refunds_nothing_twice,
    a_provider_that_forgets_keys_is_queried,
    a_pending_refund_ends_by_itself,
    a_refund_that_the_bank_sends_back,
    what_was_not_captured_is_not_refunded,
];

/// A captured charge, and the path of its refunds.
async fn captured(service: &TestService, minor: i64, card: &str, key: &str) -> (String, String) {
    let made = service.one.post("/v1/charges", &charge(minor, card)).key(key).expect(201).await;
    assert_eq!(made.body["state"], "captured");
    (made.id(), format!("/v1/payments/{}/refunds", made.id()))
}

fn part(minor: i64) -> Value {
    json!({ "amount": eur(minor) })
}

async fn all_of_it_goes_back(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let paid =
        service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1").expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    let path = format!("/v1/payments/{}/refunds", paid.id());
    let body = json!({ "reason": "the captain is ill", "metadata": { "ticket": "9" } });
    let made = service.one.post(&path, &body).key("r-1").expect(201).await;
    assert_eq!((&made.body["state"], &made.body["amount"]), (&json!("succeeded"), &eur(4_500)));
    assert_eq!(made.header("location"), Some(format!("/v1/refunds/{}", made.id()).as_str()));
    let again = service.one.post(&path, &body).key("r-1").expect(201).await;
    assert_eq!((again.is_replay(), &again.text), (true, &made.text));
    service.one.post(&path, &part(1)).key("r-1").refused(422, "idempotency_key_reused").await;
    service.one.post(&path, &json!({})).key("r-2").refused(422, "refund_exceeds_capture").await;
    assert_eq!(service.one.see(&format!("/v1/refunds/{}", made.id())).await["state"], "succeeded");
    service.two.get(&format!("/v1/refunds/{}", made.id())).refused(404, "refund_not_found").await;

    let back = service.one.booking(&booking).await;
    assert_eq!((&back["payment_status"], &back["refunded"]), (&json!("refunded"), &eur(4_500)));
    assert_eq!(service.one.payment(&paid.id()).await["refunded"], eur(4_500));
    let books = service.quiet().await;
    assert_eq!(books.stands(&paid.id()), ("succeeded", 4_500, 4_500, 4_500));
    assert_eq!(books.refunds_of(&paid.id()), [(4_500, "succeeded")]);
    assert_eq!(books.refunds()[0]["metadata"]["refund"], made.body["id"]);
    assert_eq!(books.arrivals("POST", "/v1/refunds"), 1);
    service.end().await;
}

async fn parts_go_back_until_nothing_is_left(engine: Engine) {
    let service = TestService::on(engine).await;
    let (payment, path) = captured(&service, 1_000, "pm_card_visa", "c-1").await;
    for (key, minor) in [("r-1", 300), ("r-2", 300), ("r-3", 400)] {
        service.one.post(&path, &part(minor)).key(key).expect(201).await;
    }
    for (key, body) in [("r-4", part(1)), ("r-5", json!({}))] {
        service.one.post(&path, &body).key(key).refused(422, "refund_exceeds_capture").await;
        assert!(
            service.one.post(&path, &body).key(key).refused(422, "refund_exceeds_capture").await.is_replay()
        );
    }
    let other = json!({ "amount": { "minor": 1, "currency": "USD" } });
    service.one.post(&path, &other).key("r-6").refused(422, "refund_exceeds_capture").await;
    service.one.post(&path, &part(0)).key("r-7").refused(400, "validation_failed").await;
    let listed = service.one.see(&path).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 1_000, 1_000, 1_000));
    assert_eq!(books.refunds_of(&payment), [(300, "succeeded"), (300, "succeeded"), (400, "succeeded")]);
    service.end().await;
}

async fn ten_at_once_never_take_more_than_there_is(engine: Engine) {
    let service = TestService::on(engine).await;
    let (payment, path) = captured(&service, 500, "pm_card_visa", "c-1").await;
    let keys: Vec<String> = (0..10).map(|number| format!("r-{number}")).collect();
    let body = part(100);
    let answers = join_all(keys.iter().map(|key| service.one.post(&path, &body).key(key).send())).await;
    let with =
        |status: u16| answers.iter().filter(|answer| answer.status == status).collect::<Vec<&TestReply>>();
    assert_eq!((with(201).len(), with(422).len()), (5, 5));
    assert!(with(422).iter().all(|answer| answer.code() == "refund_exceeds_capture"));
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 500, 500, 500));
    assert_eq!(books.refunds_of(&payment), [(100, "succeeded"); 5]);
    service.end().await;
}

/// Twelve refunds, two of each of six payments, while the provider has these faults. More was
/// captured than they take, so the provider's own limit does not prevent a second refund.
async fn refunded_under(service: TestService, faults: Value) {
    let mut payments = Vec::new();
    for number in 0..6 {
        payments.push(captured(&service, 10_000, "pm_card_visa", &format!("c-{number}")).await);
    }
    service.quiet().await;
    service.provider.faults(faults).await;
    let (one, payments) = (&service.one, &payments);
    let requests = (0..12).map(|number| async move {
        let path = &payments[number % 6].1;
        one.persist(path, &part(400), &format!("r-{number}")).await
    });
    for answer in join_all(requests).await {
        assert_eq!((answer.status, &answer.body["state"]), (201, &json!("succeeded")), "{}", answer.text);
    }
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    for (payment, _) in payments {
        assert_eq!(books.refunds_of(payment), [(400, "succeeded"); 2]);
        assert_eq!(books.stands(payment), ("succeeded", 10_000, 10_000, 800));
    }
    assert!(books.arrivals("POST", "/v1/refunds") >= 12);
    service.end().await;
}

async fn a_lost_answer_refunds_nothing_twice(engine: Engine) {
    let service = TestService::on(engine).await;
    let faults = json!({ "seed": 3, "commit_then_drop": 0.4, "commit_then_500": 0.3, "drop_before": 0.2 });
    refunded_under(service, faults).await;
}

async fn a_provider_that_forgets_keys_is_queried(engine: Engine) {
    let service = TestService::on(engine).await;
    let faults = json!({ "seed": 4, "commit_then_drop": 0.4, "commit_then_500": 0.3, "forget_keys": true });
    refunded_under(service, faults).await;
}

async fn a_pending_refund_ends_by_itself(engine: Engine) {
    let service = TestService::on(engine).await;
    let (payment, path) = captured(&service, 1_000, "pm_card_pendingRefund", "c-1").await;
    let begun = service.one.post(&path, &part(600)).key("r-1").expect(201).await;
    assert_eq!(begun.body["state"], "pending");
    // A pending refund counts against the captured amount.
    service.one.post(&path, &part(401)).key("r-2").refused(422, "refund_exceeds_capture").await;
    service.one.refund_becomes(&begun.id(), "succeeded").await;
    assert_eq!(service.quiet().await.stands(&payment), ("succeeded", 1_000, 1_000, 600));
    service.end().await;
}

async fn a_refund_that_the_bank_sends_back(engine: Engine) {
    let service = TestService::on(engine).await;
    let (payment, path) = captured(&service, 1_000, "pm_card_refundFail", "c-1").await;
    let made = service.one.post(&path, &part(600)).key("r-1").expect(201).await;
    assert_eq!(made.body["state"], "succeeded");
    let failed = service.one.refund_becomes(&made.id(), "failed").await;
    assert!(failed["failure"]["code"].is_string());
    assert_eq!(service.one.payment(&payment).await["refunded"], eur(0));
    // The reply under the key stays as it was.
    let again = service.one.post(&path, &part(600)).key("r-1").expect(201).await;
    assert_eq!((again.is_replay(), &again.text), (true, &made.text));
    let books = service.quiet().await;
    assert_eq!(books.refunds_of(&payment), [(600, "failed")]);
    assert_eq!(books.stands(&payment), ("succeeded", 1_000, 1_000, 0));
    let kinds = until("each movement is posted", async || {
        let transfers = service.one.see("/v1/ledger/transfers").await;
        let transfers = transfers["data"].as_array().unwrap().iter();
        let kinds: Vec<_> = transfers.map(|transfer| transfer["kind"].as_str().unwrap().to_owned()).collect();
        (kinds.len() == 3).then_some(kinds)
    })
    .await;
    // Newest first. A refund and its payment are two subjects, whose messages do not wait for each
    // other.
    let of_the_refund: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("refund.")).collect();
    assert_eq!(of_the_refund, ["refund.reversed", "refund.succeeded"]);
    assert!(kinds.contains(&"payment.captured".to_owned()));
    service.end_reviewed(&["refund_failed_after_it_succeeded"]).await;
}

async fn what_was_not_captured_is_not_refunded(engine: Engine) {
    let service = TestService::on(engine).await;
    let needs_customer = charge(800, "pm_card_authenticationRequired");
    let pending = service.one.post("/v1/charges", &needs_customer).key("c-1").expect(201).await;
    let path = format!("/v1/payments/{}", pending.id());
    let refund = service.one.post(&format!("{path}/refunds"), &json!({})).key("r-1");
    refund.refused(409, "payment_is_not_captured").await;
    service.one.post(&format!("{path}/cancel"), &json!({})).key("x-1").expect(200).await;
    let unknown = "/v1/payments/01890000-0000-7000-8000-000000000000/refunds";
    service.one.post(unknown, &json!({})).key("r-2").refused(404, "payment_not_found").await;
    let (_, captured) = captured(&service, 800, "pm_card_visa", "c-2").await;
    service.two.post(&captured, &json!({})).key("r-3").refused(404, "payment_not_found").await;
    assert!(service.quiet().await.refunds().is_empty());
    service.end().await;
}
