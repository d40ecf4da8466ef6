//! Disputes by customers' banks, over HTTP with the sandbox: what the API shows of them, refunds beside them, and
//! the evidence that is submitted.

use domain::time::Span;
use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestService, charge, eur, payment_of, until};

testkit::on_both_engines![
    a_dispute_is_found_by_its_payment_its_state_and_its_time,
    an_open_dispute_blocks_refunds_until_it_is_decided,
    a_prevented_dispute_is_closed_and_keeps_the_money,
    evidence_has_the_records_of_the_booking_and_is_submitted_once,
    evidence_whose_reply_was_lost_is_submitted_once,
    evidence_under_a_spent_key_is_submitted_once,
    evidence_that_cannot_count_is_refused,
    evidence_is_not_sent_once_the_bank_has_decided,
    a_repeated_and_shuffled_story_ends_once,
];

const EVIDENCE: &str = "evidence";

async fn service(engine: Engine) -> TestService {
    TestService::with(engine, |settings| settings.events_every = Span::millis(300)).await
}

/// A captured payment and the provider's object of it.
async fn captured(service: &TestService, key: &str) -> (String, String) {
    let paid = service.one.post("/v1/charges", &charge(10_000, "pm_card_visa")).key(key).expect(201).await;
    service.quiet().await;
    (paid.id(), paid.body["provider_reference"].as_str().unwrap().to_owned())
}

/// The dispute that the bank opens with this order, once the API shows it.
async fn disputed(service: &TestService, payment: &str, object: &str, order: Value) -> Value {
    service.provider.post(&format!("/sandbox/dispute/{object}"), &order).await;
    until("the dispute is shown", async || {
        let found = service.one.see(&format!("/v1/disputes?payment_id={payment}")).await["data"].clone();
        found.as_array().unwrap().first().cloned()
    })
    .await
}

fn path(dispute: &Value) -> String {
    format!("/v1/disputes/{}", dispute["id"].as_str().unwrap())
}

async fn decide(service: &TestService, dispute: &Value, outcome: &str) {
    let object = dispute["provider_reference"].as_str().unwrap();
    service.provider.post(&format!("/sandbox/disputes/{object}"), &json!({ "outcome": outcome })).await;
}

async fn dispute_becomes(service: &TestService, dispute: &Value, state: &str) -> Value {
    service.one.becomes(&path(dispute), |seen| seen["state"] == state, &format!("it is {state}")).await
}

async fn found(service: &TestService, query: &str) -> Vec<String> {
    let page = service.one.see(&format!("/v1/disputes?{query}")).await["data"].clone();
    page.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The dispute as the provider shows it.
async fn at_provider(service: &TestService, dispute: &Value) -> Value {
    let object = dispute["provider_reference"].as_str().unwrap();
    service.provider.stripe(testkit::ONE, &format!("/v1/disputes/{object}")).await
}

async fn a_dispute_is_found_by_its_payment_its_state_and_its_time(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    let due_by = 4_000_000_000_i64;
    let order = json!({ "amount": 4_000, "reason": "product_not_received", "due_by": due_by });
    let dispute = disputed(&service, &payment, &object, order).await;
    assert_eq!((&dispute["state"], &dispute["amount"]), (&json!("opened"), &eur(4_000)));
    assert_eq!(dispute["reason"], "product_not_received");
    assert_eq!(dispute["network_reason"], "13.1");
    assert_eq!(dispute["evidence_due_at"], "2096-10-02T07:06:40Z");
    assert_eq!(service.one.payment(&payment).await["open_disputes"], 1);

    let (other, other_object) = captured(&service, "c-2").await;
    let inquiry = disputed(&service, &other, &other_object, json!({ "inquiry": true })).await;
    assert_eq!(inquiry["state"], "inquiry");
    assert_eq!(service.one.payment(&other).await["open_disputes"], 0);

    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    assert_eq!(found(&service, "").await, [id(&inquiry), id(&dispute)], "newest first");
    assert_eq!(found(&service, &format!("payment_id={payment}")).await, [id(&dispute)]);
    assert_eq!(found(&service, "state=opened").await, [id(&dispute)]);
    assert_eq!(found(&service, "state=inquiry").await, [id(&inquiry)]);
    assert_eq!(found(&service, "evidence_due_before=2090-01-01T00:00:00Z").await, [id(&inquiry)]);
    assert!(found(&service, "state=won").await.is_empty());
    let first = service.one.see("/v1/disputes?limit=1").await;
    let next = format!("limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(found(&service, &next).await, [id(&dispute)]);
    service.one.get("/v1/disputes?state=open").refused(400, "validation_failed").await;
    service.two.get(&path(&dispute)).refused(404, "dispute_not_found").await;
    assert!(service.two.see("/v1/disputes").await["data"].as_array().unwrap().is_empty());

    decide(&service, &dispute, "lost").await;
    decide(&service, &inquiry, "won").await;
    let lost = dispute_becomes(&service, &dispute, "lost").await;
    assert!(lost["closed_at"].is_string() && lost["evidence_due_at"].is_null());
    dispute_becomes(&service, &inquiry, "closed").await;
    assert_eq!(service.one.payment(&payment).await["open_disputes"], 0);
    let history = service.one.see(&format!("{}/history", path(&dispute))).await["data"].clone();
    let moves: Vec<_> = history.as_array().unwrap().iter().map(|row| row["to_state"].clone()).collect();
    assert_eq!(moves, ["inquiry", "opened", "lost"]);
    service.quiet().await;
    let events = service.one.see("/v1/events").await["data"].clone();
    let kinds =
        |wanted: &str| events.as_array().unwrap().iter().filter(|event| event["type"] == wanted).count();
    let counted = ["dispute.inquiry_opened", "dispute.opened", "dispute.closed"].map(kinds);
    assert_eq!(counted, [1, 1, 2], "{events}");
    service.end_reviewed(&["payment_disputed"]).await;
}

async fn an_open_dispute_blocks_refunds_until_it_is_decided(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    let refunds = format!("/v1/payments/{payment}/refunds");
    let refund = |key: &str| service.one.post(&refunds, &json!({ "amount": eur(1_000) })).key(key);
    let dispute = disputed(&service, &payment, &object, json!({ "amount": 4_000 })).await;
    refund("r-1").refused(409, "payment_is_disputed").await;
    assert!(service.one.see(&refunds).await["data"].as_array().unwrap().is_empty());
    decide(&service, &dispute, "won").await;
    dispute_becomes(&service, &dispute, "won").await;
    // The refusal was not stored, so the same request does it now.
    refund("r-1").expect(201).await;
    assert_eq!(service.quiet().await.stands(&payment), ("succeeded", 10_000, 10_000, 1_000));

    let (payment, object) = captured(&service, "c-2").await;
    disputed(&service, &payment, &object, json!({ "inquiry": true })).await;
    let path = format!("/v1/payments/{payment}/refunds");
    service.one.post(&path, &json!({})).key("r-2").expect(201).await;
    until("a refund ends the inquiry", async || service.reviews().await.is_empty().then_some(())).await;
    service.end().await;
}

async fn a_prevented_dispute_is_closed_and_keeps_the_money(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    let dispute = disputed(&service, &payment, &object, json!({ "amount": 4_000 })).await;
    decide(&service, &dispute, "prevented").await;
    dispute_becomes(&service, &dispute, "closed").await;
    let seen = service.one.payment(&payment).await;
    assert_eq!((&seen["disputed"], &seen["open_disputes"]), (&eur(4_000), &json!(0)));
    let path = format!("/v1/payments/{payment}/refunds");
    service
        .one
        .post(&path, &json!({ "amount": eur(6_001) }))
        .key("r-1")
        .refused(422, "refund_exceeds_capture")
        .await;
    service.end().await;
}

async fn evidence_has_the_records_of_the_booking_and_is_submitted_once(engine: Engine) {
    let service = service(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    let paid = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1");
    let paid = paid.expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    service.quiet().await;
    let object = paid.body["provider_reference"].as_str().unwrap();
    let dispute = disputed(&service, &paid.id(), object, json!({})).await;
    assert_eq!(dispute["booking_id"], booking);

    let evidence = format!("{}/{EVIDENCE}", path(&dispute));
    let body = json!({
        "terms": "No refund within 48 hours.", "check_in": "Both came at 17:45.",
        "refund_refusal": "They came.", "statement": "winning_evidence",
    });
    service.one.post(&evidence, &body).refused(400, "idempotency_key_missing").await;
    service.two.post(&evidence, &body).key("e-1").refused(404, "dispute_not_found").await;
    let made = service.one.post(&evidence, &body).key("e-1").expect(202).await;
    assert_eq!(made.body["evidence_in_progress"], true);
    let again = service.one.post(&evidence, &body).key("e-1").expect(202).await;
    assert!(again.is_replay());
    let other = json!({ "statement": "other" });
    service.one.post(&evidence, &other).key("e-1").refused(422, "idempotency_key_reused").await;
    let won = dispute_becomes(&service, &dispute, "won").await;
    assert!(won["evidence_submitted_at"].is_string() && won["evidence_in_progress"] == false, "{won}");
    let shown = service.one.get(&evidence).expect(200).await.body;
    let [submitted] = &shown["data"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!((&submitted["state"], &submitted["failure"]), (&json!("submitted"), &json!(null)));
    for (name, text) in [
        ("refund_refusal", "They came."),
        ("statement", "winning_evidence"),
        ("customer_email", "b-1@example.com"),
    ] {
        assert_eq!(submitted[name], text, "{shown}");
    }
    assert!(submitted["timeline"].as_str().unwrap().contains("booking: "), "{shown}");
    service.two.get(&evidence).refused(404, "dispute_not_found").await;
    service.one.post(&evidence, &other).key("e-2").refused(409, "dispute_is_closed").await;

    let shown = at_provider(&service, &dispute).await;
    assert_eq!(shown["evidence_details"]["submission_count"], 1);
    let sent = &shown["evidence"];
    let booked = service.one.booking(&booking).await;
    assert_eq!(sent["customer_name"], booked["customer"]["name"]);
    assert_eq!(sent["customer_email_address"], booked["customer"]["email"]);
    assert_eq!(sent["refund_policy_disclosure"], "No refund within 48 hours.");
    assert_eq!(sent["refund_refusal_explanation"], "They came.");
    assert_eq!(sent["uncategorized_text"], "winning_evidence");
    let item = &booked["items"][0];
    let local = item["slot"]["local_starts_at"].as_str().unwrap();
    assert_eq!(sent["service_date"], local[..10]);
    let product = sent["product_description"].as_str().unwrap();
    assert!(product.contains(&format!("2 x {}", item["name"].as_str().unwrap())), "{product}");
    let timeline = sent["access_activity_log"].as_str().unwrap();
    let order = ["booking: reserved (held)", "booking: payment secured (confirmed)", "Check-in: Both came"];
    let places = order.map(|line| timeline.find(line).unwrap_or_else(|| panic!("{line} in {timeline}")));
    assert!(places.is_sorted(), "{timeline}");
    assert!(timeline.contains("payment: capture of"), "{timeline}");
    assert_eq!(
        service
            .quiet()
            .await
            .arrivals("POST", &format!("/{}", dispute["provider_reference"].as_str().unwrap())),
        1
    );
    let events = service.one.see("/v1/events").await["data"].clone();
    assert!(events.as_array().unwrap().iter().any(|event| event["type"] == "dispute.evidence_submitted"));
    service.end().await;
}

/// Submits evidence under faults, and heals the provider once it has got this many calls.
async fn submitted_under(engine: Engine, faults: Value, calls: usize) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    let dispute = disputed(&service, &payment, &object, json!({})).await;
    service.quiet().await;
    let end = format!("/{}", dispute["provider_reference"].as_str().unwrap());
    service.provider.faults(faults).await;
    let evidence = format!("{}/{EVIDENCE}", path(&dispute));
    service.one.post(&evidence, &json!({ "statement": "They came." })).key("e-1").expect(202).await;
    until("the provider gets the evidence", async || {
        (service.provider.books().await.arrivals("POST", &end) >= calls).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let so =
        |seen: &Value| seen["evidence_submitted_at"].is_string() && seen["evidence_in_progress"] == false;
    service.one.becomes(&path(&dispute), so, "the evidence is submitted").await;
    let shown = at_provider(&service, &dispute).await;
    assert_eq!(shown["evidence_details"]["submission_count"], 1, "{shown}");
    assert_eq!(shown["status"], "under_review");
    let more = service.one.post(&evidence, &json!({})).key("e-2");
    more.refused(409, "evidence_already_submitted").await;
    service.end_reviewed(&["payment_disputed"]).await;
}

async fn evidence_whose_reply_was_lost_is_submitted_once(engine: Engine) {
    submitted_under(engine, json!({ "commit_then_drop": 1, "webhook_drop": 1 }), 1).await;
}

async fn evidence_under_a_spent_key_is_submitted_once(engine: Engine) {
    submitted_under(engine, json!({ "kept_500": 1 }), 1).await;
}

async fn evidence_that_cannot_count_is_refused(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    let late = disputed(&service, &payment, &object, json!({ "due_by": 1_600_000_000 })).await;
    let evidence = format!("{}/{EVIDENCE}", path(&late));
    service.one.post(&evidence, &json!({})).key("e-1").refused(409, "evidence_is_past_due").await;
    let long = json!({ "statement": "x".repeat(8_001) });
    service.one.post(&evidence, &long).key("e-2").refused(400, "validation_failed").await;
    let card = json!({ "statement": "They paid with 4242424242424242." });
    service.one.post(&evidence, &card).key("e-3").refused(400, "card_number_refused").await;
    let nothing = service.provider.books().await;
    let end = format!("/{}", late["provider_reference"].as_str().unwrap());
    assert_eq!(nothing.arrivals("POST", &end), 0);
    service.end_reviewed(&["payment_disputed"]).await;
}

/// The provider is unreachable while the bank decides.
async fn evidence_is_not_sent_once_the_bank_has_decided(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service, "c-1").await;
    let dispute = disputed(&service, &payment, &object, json!({})).await;
    service.quiet().await;
    service.provider.faults(json!({ "unavailable": 1 })).await;
    let evidence = format!("{}/{EVIDENCE}", path(&dispute));
    service.one.post(&evidence, &json!({})).key("e-1").expect(202).await;
    decide(&service, &dispute, "lost").await;
    dispute_becomes(&service, &dispute, "lost").await;
    service.provider.faults(json!({})).await;
    let so = |seen: &Value| seen["evidence_in_progress"] == false;
    let refused = service.one.becomes(&path(&dispute), so, "the submission has ended").await;
    assert!(refused["evidence_failure"]["code"].is_string() && refused["evidence_submitted_at"].is_null());
    service.end_reviewed(&["payment_disputed"]).await;
}

async fn a_repeated_and_shuffled_story_ends_once(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "webhook_shuffle": true, "webhook_duplicates": 3, "seed": 7 })).await;
    for (number, outcome) in ["won", "lost"].into_iter().enumerate() {
        let (payment, object) = captured(&service, &format!("c-{number}")).await;
        let dispute = disputed(&service, &payment, &object, json!({ "inquiry": true })).await;
        decide(&service, &dispute, "escalated").await;
        decide(&service, &dispute, outcome).await;
        dispute_becomes(&service, &dispute, outcome).await;
        service.quiet().await;
        let seen = service.one.payment(&payment).await;
        let disputed = eur(if outcome == "won" { 0 } else { 10_000 });
        assert_eq!((&seen["disputed"], &seen["open_disputes"]), (&disputed, &json!(0)), "{outcome}");
        assert_eq!(found(&service, &format!("payment_id={payment}")).await.len(), 1);
    }
    service.provider.faults(json!({})).await;
    service.end_reviewed(&["payment_disputed"]).await;
}
