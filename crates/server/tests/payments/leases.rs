//! Leases: a worker that falls silent is replaced, and what it says afterwards is not heard.

use domain::commands::{
    FinishAttempt, Heartbeat, JobLease, MarkSent, ObservedBy, PaymentTarget, Postpone, Settle, StartPayment,
};
use domain::idempotency::Fingerprint;
use domain::limits::ANOTHER_KEY_AFTER;
use domain::provider::{CallOutcome, Observation, ProviderStatus, Source};
use domain::reply::{AttemptJob, Reply};
use domain::rows::{Capture, Mode};
use domain::time::Span;
use domain::working_set::{Claim, Command};
use domain::{AccountId, Currency, KeyId, Money, Refusal, WorkerId};
use providers::{PaymentOrder, Provider as _, Secret, stripe};
use serde_json::json;
use server::workers::Pace;
use store::CommandResult;
use uuid::Uuid;

use crate::ask::{charge, until};
use crate::stage::{Engine, Stage};
use crate::tenants::{client_id, tenant_id};

both![
    a_silent_worker_is_replaced,
    a_worker_that_wakes_too_late_is_not_heard,
    a_call_longer_than_the_lease_is_made_once,
];

/// A payment whose job another process was to drive, under a lease that soon lapses.
async fn left_behind(stage: &Stage) -> AttemptJob {
    begun(stage, Span::millis(700)).await
}

/// A payment whose job another process has under its lease.
pub async fn begun(stage: &Stage, span: Span) -> AttemptJob {
    let tenant = tenant_id("one");
    let start = StartPayment {
        claim: Claim {
            key: KeyId::of(tenant, client_id("one"), "c-1"),
            tenant,
            client: client_id("one"),
            text: "c-1".to_owned(),
            fingerprint: Fingerprint([7; 32]),
            request_id: "req-1".to_owned(),
        },
        target: PaymentTarget::Amount { amount: Money::new(700, Currency::EUR), reference: None },
        account: AccountId::of("stripe", "acct_one"),
        payment_method: "pm_card_visa".to_owned(),
        capture: Capture::Automatic,
        return_url: None,
        metadata: [].into(),
        amounts: providers::AMOUNTS,
        deadline: Span::seconds(3_600),
        lease: Some(JobLease { worker: WorkerId(Uuid::from_u128(99)), span }),
    };
    match stage.store().submit(Box::new(start)).await.unwrap() {
        CommandResult::Fresh { reply: Reply::Started(claimed), .. } => *claimed,
        answer => panic!("{answer:?}"),
    }
}

async fn refused(stage: &Stage, command: impl Command + 'static) {
    let answer = stage.store().submit(Box::new(command)).await.unwrap();
    assert!(matches!(answer, CommandResult::Refused { refusal: Refusal::LeaseLost, .. }), "{answer:?}");
}

async fn a_silent_worker_is_replaced(engine: Engine) {
    let stage = Stage::on(engine).await;
    let claimed = left_behind(&stage).await;
    let payment = claimed.payment.id.to_string();
    stage.one.payment_becomes(&payment, "captured").await;
    let books = stage.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 700, 700, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    stage.end().await;
}

/// The other process makes the object, and commits that it is about to confirm it.
pub async fn sent(stage: &Stage, claimed: &AttemptJob) -> (stripe::Stripe, PaymentOrder, MarkSent) {
    let mut settings =
        stripe::Settings::new(Secret::new("sk_test_one"), vec![Secret::new("whsec_one")], Mode::Test);
    settings.base_url.clone_from(&stage.provider.base);
    let teller = stripe::Stripe::new(settings).unwrap();
    let payment = claimed.payment.id;
    let order = PaymentOrder {
        attempt: claimed.attempt.id,
        key_number: 0,
        operation: payment,
        booking: None,
        tenant: claimed.payment.tenant,
        amount: claimed.payment.amount(),
        capture: Capture::Automatic,
        payment_method: claimed.payment.payment_method.clone(),
        return_url: None,
        metadata: [].into(),
        reference: None,
    };
    let CallOutcome::Object(Observation { object, .. }) = teller.create(&order).await else {
        panic!("not made")
    };
    let (attempt, token) = (claimed.attempt.id, claimed.job.token);
    let sent =
        MarkSent { attempt, token, payment, object: Some(object), another_key_after: ANOTHER_KEY_AFTER };
    let answer = stage.store().submit(Box::new(sent.clone())).await.unwrap();
    assert!(matches!(answer, CommandResult::Fresh { reply: Reply::Send(Some(0)), .. }), "{answer:?}");
    (teller, order, sent)
}

async fn a_worker_that_wakes_too_late_is_not_heard(engine: Engine) {
    let stage = Stage::on(engine).await;
    let claimed = left_behind(&stage).await;
    let (job, token, payment) = (claimed.job.id, claimed.job.token, claimed.payment.id);
    // It makes the object, commits that it is about to confirm, and falls asleep.
    let (teller, order, sent) = sent(&stage, &claimed).await;
    let object = sent.object.clone().unwrap();
    // Its successor is kept at its own call meanwhile.
    stage.provider.faults(json!({ "delay_ms": [3_000, 3_000] })).await;
    until("another worker has the job", async || {
        // Of an attempt that is open there is nothing to finish: that is refused either way.
        let answer = stage
            .store()
            .submit(Box::new(FinishAttempt { attempt: claimed.attempt.id, token }))
            .await
            .unwrap();
        matches!(answer, CommandResult::Refused { refusal: Refusal::LeaseLost, .. }).then_some(())
    })
    .await;
    assert_eq!(stage.one.payment(&payment.to_string()).await["state"], "pending");

    // It wakes.
    let observation = Observation {
        object: object.clone(),
        status: ProviderStatus::Cancelled,
        amount_minor: 700,
        currency: Currency::EUR,
    };
    let by = ObservedBy::Job { job, token };
    let attempt = claimed.attempt.id;
    let settle = Settle {
        by,
        payment,
        attempt,
        observation,
        source: Source::Answer,
        refused: None,
        look_again: Pace::default().look_again(),
        deadline: Span::seconds(60),
    };
    refused(&stage, settle).await;
    refused(&stage, sent).await;
    refused(&stage, Heartbeat { job, token, span: Span::seconds(30) }).await;
    refused(&stage, FinishAttempt { attempt, token }).await;
    let pause = Span::seconds(1);
    let (refund, lost_sight, key_spent, asked, error) = (None, true, false, true, None);
    let postpone = Postpone { attempt, token, payment, refund, pause, lost_sight, key_spent, asked, error };
    refused(&stage, postpone).await;
    // And confirms after all: under the same key, so it hears what became of that.
    stage.provider.faults(json!({})).await;
    stage.one.payment_becomes(&payment.to_string(), "captured").await;
    assert!(matches!(teller.confirm(&order, &object).await, CallOutcome::Object(_)));
    let books = stage.quiet().await;
    assert_eq!(books.stands(&payment.to_string()), ("succeeded", 700, 700, 0));
    assert_eq!(stage.one.payment(&payment.to_string()).await["state"], "captured");
    stage.end().await;
}

async fn a_call_longer_than_the_lease_is_made_once(engine: Engine) {
    let stage = Stage::with(engine, |settings| settings.lease = Span::millis(1_200)).await;
    stage.provider.faults(json!({ "delay_ms": [2_500, 2_500] })).await;
    let made = stage.one.post("/v1/charges", &charge(700, "pm_card_visa")).key("c-1").expect(201).await;
    stage.provider.faults(json!({})).await;
    let books = stage.quiet().await;
    assert_eq!(books.stands(&made.id()), ("succeeded", 700, 700, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    assert_eq!(books.arrivals("POST", "/v1/payment_intents"), 1);
    stage.end().await;
}
