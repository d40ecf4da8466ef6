//! Leases: a worker that falls silent is replaced, and its later commands are refused.

use domain::commands::{
    FinishAttempt, Heartbeat, JobLease, MarkSent, MethodUse, ObservedBy, PaymentTarget, Postpone, Settle,
    StartPayment,
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
use testkit::{Engine, ONE, TestService, charge, until};
use uuid::Uuid;

testkit::on_both_engines![
    a_silent_worker_is_replaced,
    a_worker_that_resumes_too_late_is_refused,
    a_call_longer_than_the_lease_is_made_once,
];

/// A payment whose job was claimed by another process, under a lease that expires soon.
async fn left_behind(service: &TestService) -> AttemptJob {
    begun(service, Span::millis(700)).await
}

/// A payment whose job another process has under its lease.
pub async fn begun(service: &TestService, span: Span) -> AttemptJob {
    let tenant = ONE.id();
    let start = StartPayment {
        claim: Claim {
            key: KeyId::of(tenant, ONE.client(), "c-1"),
            tenant,
            client: ONE.client(),
            text: "c-1".to_owned(),
            fingerprint: Fingerprint([7; 32]),
            request_id: "req-1".to_owned(),
        },
        target: PaymentTarget::Amount { amount: Money::new(700, Currency::EUR), reference: None },
        account: AccountId::of("stripe", "acct_one"),
        payment_method: "pm_card_visa".to_owned(),
        brand: None,
        alternatives: vec![],
        instalments: 1,
        payer: None,
        pay_within: None,
        method_currency: None,
        method_use: MethodUse::default(),
        capture: Capture::Automatic,
        return_url: None,
        metadata: [].into(),
        amounts: providers::AMOUNTS,
        deadline: Span::seconds(3_600),
        lease: Some(JobLease { worker: WorkerId(Uuid::from_u128(99)), span }),
    };
    match service.store().submit(Box::new(start)).await.unwrap() {
        CommandResult::Fresh { reply: Reply::Started(claimed), .. } => *claimed,
        answer => panic!("{answer:?}"),
    }
}

async fn refused(service: &TestService, command: impl Command + 'static) {
    let answer = service.store().submit(Box::new(command)).await.unwrap();
    assert!(matches!(answer, CommandResult::Refused { refusal: Refusal::LeaseLost, .. }), "{answer:?}");
}

async fn a_silent_worker_is_replaced(engine: Engine) {
    let service = TestService::on(engine).await;
    let claimed = left_behind(&service).await;
    let payment = claimed.payment.id.to_string();
    service.one.payment_becomes(&payment, "captured").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 700, 700, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}

/// The other process makes the object, and commits that it is about to confirm it.
pub async fn sent(service: &TestService, claimed: &AttemptJob) -> (stripe::Stripe, PaymentOrder, MarkSent) {
    let mut settings =
        stripe::ADAPTER.settings(Secret::new("sk_test_one"), vec![Secret::new("whsec_one")], Mode::Test);
    settings.wire.base_url.clone_from(&service.provider.base_url);
    let provider = stripe::Stripe::new(settings).unwrap();
    let payment = claimed.payment.id;
    let order = PaymentOrder {
        attempt: claimed.attempt.id,
        key_number: 0,
        operation: payment,
        booking: None,
        tenant: claimed.payment.tenant,
        amount: claimed.payment.amount(),
        capture: Capture::Automatic,
        method: claimed.payment.method(),
        payer: None,
        return_url: None,
        metadata: [].into(),
        reference: None,
        customer: None,
        saves_method: false,
        off_session: false,
        api: None,
        made_at: domain::Timestamp(1_767_225_600_000_000),
    };
    let CallOutcome::Object(Observation { object, .. }) = provider.create(&order).await else {
        panic!("not made")
    };
    let (attempt, token) = (claimed.attempt.id, claimed.job.token);
    let another_key_after = ANOTHER_KEY_AFTER;
    let sent = MarkSent { attempt, token, payment, object: Some(object), api: None, another_key_after };
    let answer = service.store().submit(Box::new(sent.clone())).await.unwrap();
    assert!(matches!(answer, CommandResult::Fresh { reply: Reply::Send(Some(0)), .. }), "{answer:?}");
    (provider, order, sent)
}

async fn a_worker_that_resumes_too_late_is_refused(engine: Engine) {
    let service = TestService::on(engine).await;
    let claimed = left_behind(&service).await;
    let (job, token, payment) = (claimed.job.id, claimed.job.token, claimed.payment.id);
    // It makes the object, commits that it is about to confirm, and is suspended.
    let (provider, order, sent) = sent(&service, &claimed).await;
    let object = sent.object.clone().unwrap();
    // Its successor is delayed in its own call meanwhile.
    service.provider.faults(json!({ "delay_ms": [3_000, 3_000] })).await;
    until("another worker has the job", async || {
        // An attempt that is open cannot be finished: this command is refused in either case.
        let answer = service
            .store()
            .submit(Box::new(FinishAttempt { attempt: claimed.attempt.id, token }))
            .await
            .unwrap();
        matches!(answer, CommandResult::Refused { refusal: Refusal::LeaseLost, .. }).then_some(())
    })
    .await;
    assert_eq!(service.one.payment(&payment.to_string()).await["state"], "pending");

    // It resumes.
    let observation = Observation {
        object: object.clone(),
        status: ProviderStatus::Cancelled,
        amount_minor: 700,
        currency: Currency::EUR,
        capture_before: None,
        saved_method: None,
        incoming: Vec::new(),
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
        recheck: Pace::default().recheck_delays(),
        deadline: Span::seconds(60),
    };
    refused(&service, settle).await;
    refused(&service, sent).await;
    refused(&service, Heartbeat { job, token, span: Span::seconds(30) }).await;
    refused(&service, FinishAttempt { attempt, token }).await;
    let pause = Span::seconds(1);
    let (refund, lost_sight, key_spent, reached_provider, error) = (None, true, false, true, None);
    let postpone =
        Postpone { attempt, token, payment, refund, pause, lost_sight, key_spent, reached_provider, error };
    refused(&service, postpone).await;
    // It confirms anyway, under the same key, so it gets the result of the first confirmation.
    service.provider.faults(json!({})).await;
    service.one.payment_becomes(&payment.to_string(), "captured").await;
    assert!(matches!(provider.confirm(&order, &object).await, CallOutcome::Object(_)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment.to_string()), ("succeeded", 700, 700, 0));
    assert_eq!(service.one.payment(&payment.to_string()).await["state"], "captured");
    service.end().await;
}

async fn a_call_longer_than_the_lease_is_made_once(engine: Engine) {
    let service = TestService::with(engine, |settings| settings.lease = Span::millis(1_200)).await;
    service.provider.faults(json!({ "delay_ms": [2_500, 2_500] })).await;
    let made = service.one.post("/v1/charges", &charge(700, "pm_card_visa")).key("c-1").expect(201).await;
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("succeeded", 700, 700, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    assert_eq!(books.arrivals("POST", "/v1/payment_intents"), 1);
    service.end().await;
}
