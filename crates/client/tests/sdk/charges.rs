//! One operation, one key, one charge.

use std::time::Duration;

use client::{Charge, Error, Timeouts};

use crate::sdk_service::{RecordedRetries, SdkService, new_charge};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_client_gets_the_reply_that_it_knows() {
    let service = SdkService::start().await;
    let first = service.client();
    let operation = first.charge(&new_charge(1_250, "pm_card_visa"));
    let kept = operation.idempotency_key().to_string();
    let made = operation.send().await.unwrap();
    assert_eq!((made.status, made.replayed, made.attempts), (201, false, 1));
    assert_eq!(made.key.as_str(), kept);
    let payment = made.value.payment_id();
    assert_eq!(made.location, Some(format!("/v1/payments/{payment}")));
    assert!(made.request_id.is_some());
    drop((operation, first));

    let restarted = service.client();
    let again = restarted.charge(&new_charge(1_250, "pm_card_visa")).key(kept.as_str()).unwrap();
    let again = again.send().await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.value, made.value);
    let found = restarted.find_payment_of_key(&made.key).await.unwrap().unwrap();
    assert_eq!(found.id, payment);

    // Another request under the key is refused, and says so.
    let other = restarted.charge(&new_charge(1_251, "pm_card_visa")).key(kept).unwrap();
    let error = other.send().await.unwrap_err();
    assert_eq!(error.code(), Some("idempotency_key_reused"));
    let Error::Refused(refused) = &error else { panic!("{error}") };
    assert_eq!((refused.status, refused.in_doubt, refused.attempts), (422, false, 1));
    assert!(!error.is_retryable() && !error.is_outcome_unknown());

    assert_eq!(service.charged().await, [(payment, 1_250)]);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decline_is_returned_as_one_and_replayed() {
    let service = SdkService::start().await;
    let client = service.client();
    let operation = client.charge(&new_charge(1_250, "pm_card_chargeDeclinedInsufficientFunds"));
    let reply = operation.send().await.unwrap();
    let Charge::Declined(declined) = &reply.value else { panic!("{reply:?}") };
    assert_eq!((reply.status, reply.replayed), (402, false));
    assert_eq!(
        (declined.failure.code.as_str(), declined.failure.another_attempt_may_succeed),
        ("insufficient_funds", true)
    );
    assert_eq!(client.get_payment(declined.payment_id).await.unwrap().state, "failed");
    let again = operation.send().await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.value.payment_id(), declined.payment_id);
    assert_eq!(service.charged().await, []);
    service.end().await;
}

/// The provider cannot be reached for as long as it takes: the first request gets a 202, the second a 409,
/// and it waits for the outcome.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_in_progress_is_waited_for() {
    let service = SdkService::start().await;
    service.provider_line.refuse().await;
    let retries = RecordedRetries::nothing();
    let client = service.client_with(|builder| builder.observer(retries.observer()));
    let operation = client.charge(&new_charge(1_250, "pm_card_visa"));
    let begun = client.charge(&new_charge(1_250, "pm_card_visa"));
    let begun = begun.key(operation.idempotency_key().clone()).unwrap().wait(Duration::ZERO);
    let begun = begun.send().await.unwrap();
    assert!(begun.is_in_progress() && !begun.replayed);
    let reachable = async {
        retries.first().await;
        service.provider_line.accept().await;
    };
    let (reply, ()) = tokio::join!(operation.send(), reachable);
    let reply = reply.unwrap();
    assert!(reply.replayed && reply.attempts > 1);
    assert_eq!((reply.status, reply.value.accepted().unwrap().state.as_str()), (201, "captured"));
    assert_eq!(reply.value.payment_id(), begun.value.payment_id());
    let reasons = retries.words();
    assert!(reasons.iter().all(|reason| *reason == "request_in_progress"), "{reasons:?}");
    assert_eq!(service.charged().await, [(reply.value.payment_id(), 1_250)]);
    service.end().await;
}

/// The answers vanish, and the time is over: the error has the key, and under it a client that comes later
/// gets the reply.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_deadline_left_open_is_sent_again_later() {
    let service = SdkService::start().await;
    service.line.strike(testkit::proxy::Fault::HalfOpen);
    let client = service.client();
    let timeouts = Timeouts { attempt: Duration::from_millis(200), operation: Duration::from_millis(600) };
    let operation = client.charge(&new_charge(1_250, "pm_card_visa")).timeouts(timeouts).wait(Duration::ZERO);
    let error = operation.send().await.unwrap_err();
    assert!(matches!(&error, Error::OutcomeUnknown(_)), "{error}");
    assert!(error.is_outcome_unknown() && error.is_retryable());
    let key = error.key().unwrap().clone();
    assert_eq!(&key, operation.idempotency_key());

    service.line.heal();
    let later = service.client().charge(&new_charge(1_250, "pm_card_visa")).key(key).unwrap();
    let reply = later.send().await.unwrap();
    assert!(reply.replayed, "the first request had arrived");
    assert_eq!(service.charged().await, [(reply.value.payment_id(), 1_250)]);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_told_so_at_once() {
    let service = SdkService::start().await;
    let stranger = client::Client::builder(service.line.url(), "sh_test_unknown").build().unwrap();
    let error = stranger.charge(&new_charge(1_250, "pm_card_visa")).send().await.unwrap_err();
    let Error::Refused(refused) = &error else { panic!("{error}") };
    assert_eq!((refused.status, error.code(), refused.attempts), (401, Some("unauthenticated"), 1));
    assert!(!refused.in_doubt);
    assert!(!format!("{error:?} {error} {stranger:?}").contains("sh_test_unknown"));
    service.end().await;
}
