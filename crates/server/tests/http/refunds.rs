//! Refunds without a provider: the test itself submits the provider's results.

use domain::commands::{ClaimJobs, JobLease, MarkSent, ObservedBy, RecheckDelays, Settle};
use domain::jobs::JobKinds;
use domain::limits::ANOTHER_KEY_AFTER;
use domain::provider::{Observation, ProviderStatus, Source};
use domain::time::Span;
use domain::{AttemptId, Currency, JobId, PaymentId, WorkerId};
use serde_json::json;
use uuid::Uuid;

use crate::test_server::TestServer;

testkit::on_both_engines![a_refund_shows_its_history];

async fn captured(server: &TestServer) -> String {
    let charge = json!({
        "amount": { "minor": 500, "currency": "EUR" }, "provider": "stripe", "payment_method": "pm_card_visa",
    });
    let request = server.post("/v1/charges", &charge).key("p-1").header("prefer", "respond-async");
    let payment = request.expect(202).await.id();
    let id = PaymentId(payment.parse().unwrap());
    let job = JobId::from(AttemptId::from(id));
    let lease = JobLease { worker: WorkerId(Uuid::from_u128(9)), span: Span::seconds(60) };
    let object = "pi_1".to_owned();
    let observation = Observation {
        object: object.clone(),
        status: ProviderStatus::Captured { amount_minor: 500 },
        amount_minor: 500,
        currency: Currency::EUR,
        capture_before: None,
        saved_method: None,
        incoming: Vec::new(),
    };
    let claim = ClaimJobs { jobs: vec![job], kinds: JobKinds::default(), lease, alone: false };
    let (attempt, object) = (id.into(), Some(object));
    let another_key_after = ANOTHER_KEY_AFTER;
    let sent = MarkSent { attempt, token: 1, payment: id, object, api: None, another_key_after };
    let settle = Settle {
        by: ObservedBy::Job { job, token: 1 },
        payment: id,
        attempt: id.into(),
        observation,
        source: Source::Fetched,
        refused: None,
        recheck: RecheckDelays { first: Span::seconds(60), longest: Span::seconds(60) },
        deadline: Span::seconds(60),
    };
    server.store.submit(Box::new(claim)).await.unwrap();
    server.store.submit(Box::new(sent)).await.unwrap();
    server.store.submit(Box::new(settle)).await.unwrap();
    payment
}

async fn a_refund_shows_its_history(server: TestServer) {
    let payment = captured(&server).await;
    let path = format!("/v1/payments/{payment}/refunds");
    let refund =
        server.post(&path, &json!({})).key("r-1").header("prefer", "respond-async").expect(202).await;
    let path = format!("/v1/refunds/{}/history", refund.id());
    let history = server.get(&path).expect(200).await.body;
    let entries = history["data"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{history}");
    assert_eq!(
        (&entries[0]["action"], &entries[0]["to_state"], &entries[0]["actor"]),
        (&json!("refund_started"), &json!("created"), &json!("client"))
    );
    server.get(&path).by("sk_two").refused(404, "refund_not_found").await;
    server.get(&format!("/v1/refunds/{payment}/history")).refused(404, "refund_not_found").await;
    let of_payment = server.get(&format!("/v1/payments/{payment}/history")).expect(200).await.body;
    assert!(!of_payment.to_string().contains("refund_started"), "each has its own");
}
