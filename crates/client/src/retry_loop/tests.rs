//! Tests against a scripted server; time is paused and moves only while a task sleeps.

use api::requests::{NewApiKey, NewCharge, Scope};
use api::views::Payment;
use api::{Currency, Money, Problem};
use resilience::{breaker, budget};
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::script::{ObservedRetry, Script, ScriptStep, answer, broken, not_sent, problem};
use crate::{Charge, Client, Operation, OperationReply};

mod any;

/// Numbers the payments.
fn payment() -> Vec<u8> {
    let euros = |minor: i64| format!(r#"{{"minor":{minor},"currency":"EUR"}}"#);
    format!(
        r#"{{"id":"{id}","state":"captured","amount":{all},"authorized":{none},"captured":{all},
        "refunded":{none},"disputed":{none},"open_disputes":0,"capture":"automatic","provider":"stripe",
        "account_id":"00000000-0000-0000-0000-000000000009","payment_method":"pm_card_visa",
        "metadata":{{}},"confirmed_by_provider":false,"operation_in_progress":false,
        "created_at":"2026-07-01T09:00:00Z","updated_at":"2026-07-01T09:00:00Z"}}"#,
        id = Uuid::from_u128(8),
        all = euros(1_250),
        none = euros(0),
    )
    .into_bytes()
}

fn captured() -> ScriptStep {
    answer(201, payment())
}

fn new_charge() -> NewCharge {
    NewCharge::new(Money::new(1_250, Currency::EUR), "stripe", "pm_card_visa")
}

fn charge(client: &Client) -> Operation<Charge> {
    client.charge(&new_charge()).key("order-17").unwrap()
}

async fn charged(script: &Script) -> Result<OperationReply<Charge>> {
    charge(&script.client()).send().await
}

/// The result in a few words.
fn summary<T>(result: &Result<T>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(Error::Refused(refused)) => {
            let code = refused.problem.as_ref().map_or("no document", |problem| &problem.code);
            format!("refused: {code}{}", if refused.in_doubt { ", in doubt" } else { "" })
        }
        Err(Error::Unavailable(stopped)) => format!("not done: {:?}", stopped.why),
        Err(Error::OutcomeUnknown(stopped)) => format!("unknown: {:?}", stopped.why),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn retries_end_as_expected() {
    let check = async |steps: Vec<ScriptStep>, attempts: usize, expected: &str| {
        let script = Script::new(steps.clone());
        let result = charged(&script).await;
        assert_eq!((summary(&result).as_str(), script.calls().len()), (expected, attempts), "{steps:?}");
    };
    let html = |status| answer(status, "<html>");
    check(vec![captured()], 1, "done").await;
    check(vec![broken(), captured()], 2, "done").await;
    check(vec![not_sent(), captured()], 2, "done").await;
    check(vec![ScriptStep::NoReply, captured()], 2, "done").await;
    check(vec![answer(201, "{\"id\":"), captured()], 2, "done").await;
    check(vec![html(200), captured()], 2, "done").await;
    check(vec![problem(Code::RateLimited), captured()], 2, "done").await;
    check(vec![problem(Code::Overloaded), captured()], 2, "done").await;
    check(vec![problem(Code::InternalError), captured()], 2, "done").await;
    check(vec![html(502), html(503), captured()], 3, "done").await;
    check(vec![html(504), captured()], 2, "done").await;

    check(vec![not_sent()], 3, "not done: Attempts").await;
    check(vec![problem(Code::Overloaded)], 3, "not done: Attempts").await;
    check(vec![problem(Code::RateLimited)], 3, "not done: Attempts").await;
    check(vec![html(503)], 3, "unknown: Attempts").await;
    check(vec![broken()], 3, "unknown: Attempts").await;
    check(vec![ScriptStep::NoReply], 3, "unknown: Attempts").await;
    check(vec![html(200)], 3, "unknown: Attempts").await;
    check(vec![problem(Code::InternalError)], 3, "unknown: Attempts").await;
    check(vec![broken(), not_sent()], 3, "unknown: Attempts").await;
    check(vec![broken(), problem(Code::Overloaded)], 3, "unknown: Attempts").await;
    check(vec![html(500)], 1, "unknown: NotRepeatable").await;
    check(vec![html(501)], 1, "unknown: NotRepeatable").await;

    check(vec![problem(Code::ValidationFailed)], 1, "refused: validation_failed").await;
    check(vec![problem(Code::IdempotencyKeyReused)], 1, "refused: idempotency_key_reused").await;
    check(vec![problem(Code::ChangedMeanwhile)], 1, "refused: changed_meanwhile").await;
    check(vec![not_sent(), problem(Code::SlotIsFull)], 2, "refused: slot_is_full").await;
    check(vec![problem(Code::Overloaded), problem(Code::SlotIsFull)], 2, "refused: slot_is_full").await;
    check(vec![html(404)], 1, "refused: no document, in doubt").await;
    check(vec![html(302)], 1, "refused: no document, in doubt").await;
    check(vec![html(408)], 1, "refused: no document, in doubt").await;
    check(vec![broken(), problem(Code::Unauthenticated)], 2, "refused: unauthenticated, in doubt").await;
    check(vec![broken(), problem(Code::IdempotencyKeyReused)], 2, "refused: idempotency_key_reused").await;
    let stored = problem(Code::NothingIsDue).with("idempotent-replayed", "true");
    check(vec![broken(), stored], 2, "refused: nothing_is_due").await;
}

#[tokio::test(start_paused = true)]
async fn all_attempts_send_the_same_request_under_one_key() {
    let script = Script::new([broken(), answer(503, ""), problem(Code::RequestInProgress), captured()]);
    let client = script.client();
    let operation = client.charge(&new_charge());
    let key = operation.idempotency_key().clone();
    assert_eq!(operation.send().await.unwrap().key, key);
    let calls = script.calls();
    assert_eq!(calls.len(), 4);
    for call in &calls {
        assert_eq!((call.key.as_ref(), &call.body, &call.wait), (Some(&key), &calls[0].body, &calls[0].wait));
        assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/v1/charges"));
    }
    // Sent again, it is the same operation; built again, it is another one.
    operation.send().await.unwrap();
    assert_eq!(script.calls()[4].key, Some(key.clone()));
    assert_ne!(client.charge(&new_charge()).idempotency_key(), &key);
}

#[tokio::test(start_paused = true)]
async fn a_reply_has_its_details() {
    let replayed = captured().with("idempotent-replayed", "true");
    let replayed = replayed.with("location", "/v1/payments/8").with("x-request-id", "req_2");
    let reply = charged(&Script::new([broken(), replayed])).await.unwrap();
    assert!(reply.replayed && !reply.is_in_progress());
    assert_eq!((reply.status, reply.attempts, reply.key.as_str()), (201, 2, "order-17"));
    assert_eq!(reply.location.as_deref(), Some("/v1/payments/8"));
    assert_eq!(reply.request_id.as_deref(), Some("req_2"));
    assert_eq!(reply.value.accepted().unwrap().state, "captured");

    let reply = charged(&Script::new([answer(202, payment())])).await.unwrap();
    assert!(reply.is_in_progress() && !reply.replayed);
}

#[tokio::test(start_paused = true)]
async fn a_decline_is_a_result() {
    let mut document = Problem::new(Code::PaymentDeclined, "req_1");
    document.payment_id = Some(Uuid::from_u128(8));
    document.failure = Some(api::problem::Failure {
        code: "insufficient_funds".to_owned(),
        another_attempt_may_succeed: true,
    });
    let declined = |document: &Problem| answer(402, serde_json::to_vec(document).unwrap());
    let reply = charged(&Script::new([broken(), declined(&document)])).await.unwrap();
    let Charge::Declined(decline) = &reply.value else { panic!("{reply:?}") };
    assert_eq!((reply.status, decline.payment_id), (402, Uuid::from_u128(8)));
    assert_eq!(
        (decline.failure.code.as_str(), decline.failure.another_attempt_may_succeed),
        ("insufficient_funds", true)
    );
    // A 402 of anything else than a payment is an error.
    document.payment_id = None;
    let result = charged(&Script::new([declined(&document)])).await;
    assert_eq!(summary(&result), "refused: payment_declined");
    let client = Script::new([declined(&document)]).client();
    let refund = client.refund(Uuid::nil(), &Default::default()).send().await;
    assert_eq!(summary(&refund), "refused: payment_declined");
}

#[tokio::test(start_paused = true)]
async fn the_requested_wait_is_kept() {
    let check = async |header: &'static str, seconds: u64| {
        let script = Script::new([problem(Code::RateLimited).with("retry-after", header), captured()]);
        let begun = Instant::now();
        charged(&script).await.unwrap();
        let wanted = Some(Duration::from_secs(seconds));
        let [ObservedRetry { attempt: 1, label: "rate_limited", delay, retry_after, key: Some(key) }] =
            &script.retries()[..]
        else {
            panic!("{header}: {:?}", script.retries())
        };
        assert_eq!((Some(*delay), *retry_after, key.as_str()), (wanted, wanted, "order-17"), "{header}");
        // Tokio's clock is paused and moves only by sleeps, in whole milliseconds.
        assert!(begun.elapsed() >= *delay && begun.elapsed() < *delay + Duration::from_millis(2));
    };
    check("1", 1).await;
    check("7", 7).await;
    check("Sun, 06 Nov 1994 08:49:40 GMT", 3).await;
    check("Sunday, 06-Nov-94 08:50:07 GMT", 30).await;

    // If no wait is requested, or none that can be read, the pause is the backoff's.
    for header in ["0", "soon", "-1", "Sun, 06 Nov 1994 08:49:36 GMT"] {
        let script = Script::new([problem(Code::RateLimited).with("retry-after", header), captured()]);
        charged(&script).await.unwrap();
        assert!(script.retries()[0].delay <= Duration::from_millis(50), "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_past_the_deadline_is_not_begun() {
    for header in ["60", "3600", "99999999999999999999", "Mon, 06 Nov 1995 08:49:37 GMT"] {
        let script = Script::new([answer(503, "").with("retry-after", header)]);
        let begun = Instant::now();
        let error = charged(&script).await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::ZERO, "{header}");
        assert_eq!(summary(&Err::<(), _>(error.clone())), "unknown: Deadline", "{header}");
        assert_eq!(error.key().unwrap().as_str(), "order-17");
        let Error::OutcomeUnknown(stopped) = &error else { panic!("{error}") };
        assert!(stopped.retry_after.unwrap() >= Duration::from_mins(1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_operation_and_the_error_names_the_key() {
    let script = Script::new([ScriptStep::NoReply]);
    let timeouts = Timeouts { attempt: Duration::from_secs(10), operation: Duration::from_secs(15) };
    let begun = Instant::now();
    let error = charge(&script.client()).timeouts(timeouts).send().await.unwrap_err();
    // The attempt has 10 s in addition to the 10 s that the server waits.
    let took = begun.elapsed();
    assert!(took >= timeouts.operation && took < timeouts.operation + Duration::from_millis(2), "{took:?}");
    assert_eq!(script.calls().len(), 1);
    assert!(error.is_outcome_unknown() && error.is_retryable());
    let Error::OutcomeUnknown(stopped) = &error else { panic!("{error}") };
    assert_eq!((stopped.why, stopped.attempts), (Stop::Deadline, 1));
    assert_eq!(
        (&stopped.last, stopped.key.as_ref().unwrap().as_str()),
        (&Some(RequestFailure::TimedOut), "order-17")
    );
    assert_eq!(
        error.to_string(),
        "it may or may not have been done: the time was over after 1 attempt; the last attempt: no complete reply in time; \
         idempotency key order-17"
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_timeout_in_addition_to_the_wait() {
    let script = Script::new([ScriptStep::NoReply, captured()]);
    let timeouts = Timeouts { attempt: Duration::from_secs(2), operation: Duration::from_secs(100) };
    let begun = Instant::now();
    let operation = charge(&script.client()).timeouts(timeouts).wait(Duration::from_secs(25));
    operation.send().await.unwrap();
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(27) && took < Duration::from_secs(28), "{took:?}");
    assert_eq!(script.calls()[0].wait, Some(Duration::from_secs(25)));
}

#[tokio::test(start_paused = true)]
async fn the_client_waits_for_work_in_progress() {
    let in_progress = || problem(Code::RequestInProgress).with("retry-after", "1");
    let steps = std::iter::repeat_n(in_progress(), 9).chain([captured().with("idempotent-replayed", "true")]);
    let script = Script::new(steps);
    // One token, and another one after a hundred seconds.
    let scarce = budget::Settings { ratio: 0.0, floor_per_second: 0.01, ..budget::Settings::default() };
    let client = script.client_with(|builder| builder.budget(scarce));
    let before = client.retries_left();
    let reply = charge(&client).send().await.unwrap();
    assert!(reply.replayed);
    assert_eq!((reply.attempts, script.calls().len()), (10, 10));
    assert!(client.retries_left() >= before, "waiting uses nothing of the budget");
    let retries = script.retries();
    assert_eq!(retries.len(), 9);
    for (number, retry) in (1..).zip(&retries) {
        assert_eq!((retry.attempt, retry.label), (number, "request_in_progress"));
        assert!(retry.delay >= Duration::from_secs(1));
    }

    // It ends with the operation's time; the error names the key and the resource in progress.
    let mut document = Problem::new(Code::RequestInProgress, "req_1");
    document.resource = Some(Uuid::from_u128(8));
    let step = answer(409, serde_json::to_vec(&document).unwrap()).with("retry-after", "1");
    let error = charged(&Script::new([step])).await.unwrap_err();
    assert_eq!(summary(&Err::<(), _>(error.clone())), "unknown: Deadline");
    assert_eq!((error.resource(), error.code()), (Some(Uuid::from_u128(8)), Some("request_in_progress")));
    assert_eq!(error.request_id(), Some("req_1"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_without_time_left() {
    // The machine was suspended during the pause: "not done" is the last known state.
    let script = Script::new([problem(Code::Overloaded).with("retry-after", "5"), ScriptStep::NoReply]);
    let held_up = async {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_mins(2)).await;
    };
    let (result, ()) = tokio::join!(charged(&script), held_up);
    assert_eq!((summary(&result).as_str(), script.calls().len()), ("not done: Deadline", 1));

    for (attempt, operation) in [(0, 60), (10, 0)] {
        let seconds = Duration::from_secs;
        let timeouts = Timeouts { attempt: seconds(attempt), operation: seconds(operation) };
        let script = Script::new([captured()]);
        let error = charge(&script.client()).timeouts(timeouts).send().await.unwrap_err();
        assert!(
            matches!(&error, Error::Invalid(reason) if reason.contains("no time for a reply")),
            "{error}"
        );
        assert!(script.calls().is_empty());
    }
}

/// A wait does not make it a new operation: it has its attempts once, and deposits once.
#[tokio::test(start_paused = true)]
async fn attempts_are_counted_across_waits() {
    let in_progress = || problem(Code::RequestInProgress);
    let check = async |steps: Vec<ScriptStep>, sent: usize, expected: &str| {
        let script = Script::new(steps.clone());
        let result = charged(&script).await;
        assert_eq!((summary(&result).as_str(), script.calls().len()), (expected, sent), "{steps:?}");
    };
    check(vec![broken(), in_progress(), broken(), captured()], 4, "done").await;
    check(vec![in_progress(), in_progress(), broken(), broken(), captured()], 5, "done").await;
    let failures = vec![broken(), in_progress(), broken(), in_progress(), broken(), captured()];
    check(failures, 5, "unknown: Attempts").await;
    let failures = vec![broken(), broken(), in_progress(), not_sent(), captured()];
    check(failures, 4, "unknown: Attempts").await;

    let script = Script::new(std::iter::repeat_n(in_progress(), 9).chain([captured()]));
    let deposits = budget::Settings { ratio: 0.1, floor_per_second: 0.0, ..budget::Settings::default() };
    let client = script.client_with(|builder| builder.budget(deposits));
    charge(&client).send().await.unwrap();
    assert_eq!(script.calls().len(), 10);
    let left = client.retries_left();
    assert!((left - 0.1).abs() < 1e-9, "one operation deposits once: {left}");
}

#[tokio::test(start_paused = true)]
async fn waiting_uses_the_operations_time() {
    let script =
        Script::new([problem(Code::RequestInProgress).with("retry-after", "55"), ScriptStep::NoReply]);
    let begun = Instant::now();
    assert_eq!(summary(&charged(&script).await), "unknown: Deadline");
    let (took, whole) = (begun.elapsed(), Duration::from_mins(1));
    assert!(took >= whole && took < whole + Duration::from_millis(5), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_without_a_key_is_not_sent_twice() {
    let check = async |steps: Vec<ScriptStep>, attempts: usize, expected: &str| {
        let script = Script::new(steps.clone());
        let client = script.client();
        let request =
            NewApiKey { client_id: None, client_name: Some("shop".to_owned()), scopes: vec![Scope::Ops] };
        let result = client.create_api_key(&request).await;
        assert_eq!((summary(&result).as_str(), script.calls().len()), (expected, attempts), "{steps:?}");
        assert!(script.calls().iter().all(|call| call.key.is_none()));
    };
    let made = format!(
        r#"{{"id":"{id}","client_id":"{id}","client_name":"shop","scopes":["ops"],"mode":"test",
        "created_at":"2026-07-01T09:00:00Z","secret":"sh_test_1"}}"#,
        id = Uuid::nil()
    );
    let made = || answer(201, made.clone());
    check(vec![made()], 1, "done").await;
    check(vec![not_sent(), not_sent(), made()], 3, "done").await;
    check(vec![not_sent()], 3, "not done: Attempts").await;
    check(vec![broken(), made()], 1, "unknown: NotRepeatable").await;
    check(vec![ScriptStep::NoReply, made()], 1, "unknown: NotRepeatable").await;
    check(vec![problem(Code::CommitOutcomeUnknown), made()], 1, "unknown: NotRepeatable").await;
    check(vec![answer(201, "{}"), made()], 1, "unknown: NotRepeatable").await;
    check(vec![problem(Code::Overloaded), made()], 1, "not done: NotRepeatable").await;
    check(vec![problem(Code::TooManyApiKeys)], 1, "refused: too_many_api_keys").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_is_never_of_unknown_outcome() {
    let check = async |steps: Vec<ScriptStep>, attempts: usize, expected: &str| {
        let script = Script::new(steps.clone());
        let result: Result<Payment> = script.client().get_payment(Uuid::from_u128(8)).await;
        assert_eq!((summary(&result).as_str(), script.calls().len()), (expected, attempts), "{steps:?}");
        assert!(result.err().is_none_or(|error| !error.is_outcome_unknown()));
    };
    let found = || answer(200, payment());
    check(vec![broken(), ScriptStep::NoReply, found()], 3, "done").await;
    check(vec![broken()], 3, "not done: Attempts").await;
    check(vec![answer(200, "[]")], 3, "not done: Attempts").await;
    check(vec![answer(500, "")], 1, "not done: NotRepeatable").await;
    check(vec![broken(), problem(Code::PaymentNotFound)], 2, "refused: payment_not_found").await;
    check(vec![answer(404, "<html>")], 1, "refused: no document").await;
}

#[tokio::test(start_paused = true)]
async fn retries_stay_within_the_budget() {
    let script = Script::new([answer(503, "")]);
    let none = budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..budget::Settings::default() };
    let result = charge(&script.client_with(|builder| builder.budget(none))).send().await;
    assert_eq!((summary(&result).as_str(), script.calls().len()), ("unknown: Budget", 1));

    // All calls of a client share the budget, also those of its clones: 100 calls make far fewer
    // retries than 200.
    let script = Script::new([answer(503, "")]);
    let client = script.client_with(|builder| builder.breaker(None));
    for _ in 0..100 {
        let _ = charge(&client.clone()).send().await;
    }
    let retries = script.calls().len() - 100;
    assert!((10..=40).contains(&retries), "{retries} retries of 100 requests");
}

#[tokio::test(start_paused = true)]
async fn a_failing_server_is_not_called() {
    let script = Script::new([answer(503, "")]);
    let settings = breaker::Settings { calls_min: 4, ..breaker::Settings::default() };
    let client = script.client_with(|builder| builder.breaker(settings).attempts_max(1));
    for _ in 0..4 {
        assert_eq!(summary(&charge(&client).send().await), "unknown: Attempts");
    }
    let error = charge(&client).send().await.unwrap_err();
    assert_eq!(summary(&Err::<(), _>(error.clone())), "not done: CircuitOpen");
    assert_eq!(script.calls().len(), 4, "nothing was sent");
    let Error::Unavailable(stopped) = error else { panic!("{error}") };
    assert_eq!((stopped.attempts, stopped.last), (0, None));
    assert!(stopped.retry_after.unwrap() > Duration::from_secs(10));

    // Refusals, work in progress and an overload say nothing bad about the server.
    for healthy in [Code::SlotIsFull, Code::RequestInProgress, Code::RateLimited, Code::Overloaded] {
        let script = Script::new([problem(healthy)]);
        let client = script.client_with(|builder| builder.breaker(settings).attempts_max(1));
        for _ in 0..10 {
            let result = charge(&client).send().await;
            assert!(!summary(&result).contains("CircuitOpen"), "{healthy:?}");
        }
    }
}

#[tokio::test]
async fn the_caller_can_set_the_key() {
    let client = Script::new([captured()]).client();
    let operation = client.charge(&new_charge()).key("order-17").unwrap();
    assert_eq!(operation.idempotency_key().as_str(), "order-17");
    let kept = client.charge(&new_charge()).idempotency_key().clone();
    assert_eq!(client.charge(&new_charge()).key(kept.clone()).unwrap().idempotency_key(), &kept);
    for refused in ["", "a b", "\"quoted\""] {
        let error = client.charge(&new_charge()).key(refused).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && !error.is_outcome_unknown(), "{error}");
    }
}
