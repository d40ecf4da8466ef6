//! The outcome of each reply, and of each missing one: each row of the adapter's table.

use domain::{
    provider::{CallOutcome, ProviderStatus, RefundStatus},
    rows::{Failure, FailureCause},
};
use providers::Provider;
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{adapter, is_revealing, on, order, payment, reais, refund, refund_object};

/// The part of an outcome that these tests compare.
#[derive(Clone, Debug, PartialEq)]
enum OutcomeKind<S> {
    Object(S),
    Refused(FailureCause, String),
    NotSent(Option<i64>),
    Unknown,
}

fn outcome_kind<O, S>(outcome: CallOutcome<O>, status: impl Fn(O) -> S) -> OutcomeKind<S> {
    match outcome {
        CallOutcome::Object(object) => OutcomeKind::Object(status(object)),
        CallOutcome::Refused { code, cause, object: None } => OutcomeKind::Refused(cause, code),
        CallOutcome::Refused { object: Some(_), .. } => panic!("no refusal shows an object"),
        CallOutcome::NotSent { error, retry_after_seconds, reached_provider } => {
            assert!(reached_provider && !is_revealing(&error), "{error}");
            OutcomeKind::NotSent(retry_after_seconds)
        }
        CallOutcome::Unknown { error, key_spent } => {
            assert!(!key_spent && !is_revealing(&error), "{error}");
            OutcomeKind::Unknown
        }
    }
}

/// The calls on a payment have the same outcomes.
#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    Capture,
    Cancel,
    Fetch,
}

const CALLS: [Call; 4] = [Call::Create, Call::Capture, Call::Cancel, Call::Fetch];

async fn check(calls: &[Call], name: &str, step: &ServerStep, expected: OutcomeKind<ProviderStatus>) {
    for call in calls {
        let server = ScriptedServer::start(vec![step.clone()]).await;
        let adapter = adapter(&server.base_url);
        let outcome = match call {
            Call::Create => adapter.create(&order(1)).await,
            Call::Capture => adapter.capture(on("123"), reais(10_050)).await,
            Call::Cancel => adapter.cancel(on("123")).await,
            Call::Fetch => adapter.fetch("123").await,
        };
        assert_eq!(outcome_kind(outcome, |seen| seen.status), expected, "{call:?} {name}");
        assert!(server.requests().len() <= 1, "{call:?} {name}: repeated");
    }
}

async fn check_answer(status: u16, headers: &str, body: &Value, expected: OutcomeKind<ProviderStatus>) {
    let step = ServerStep::Answer(answer(status, headers, &body.to_string()));
    check(&CALLS, &format!("{status} {headers} {body}"), &step, expected).await;
}

fn error(status: u16, kind: &str, cause: Value) -> Value {
    json!({
        "status": status, "error": kind, "message": "maria@a.example is not allowed",
        "cause": [{"code": cause, "description": "the card of Maria", "data": "12345678909"}],
    })
}

fn refused<S>(cause: FailureCause, code: &str) -> OutcomeKind<S> {
    OutcomeKind::Refused(cause, code.to_owned())
}

#[tokio::test]
async fn a_payment_is_an_object_whatever_its_status() {
    let captured = || OutcomeKind::Object(ProviderStatus::Captured { amount_minor: 10_050 });
    check_answer(200, "", &payment(123, "approved"), captured()).await;
    check_answer(201, "", &payment(123, "approved"), captured()).await;
    let mut rejected = payment(123, "rejected");
    rejected["status_detail"] = json!("cc_rejected_insufficient_amount");
    let failure = Failure {
        code: "cc_rejected_insufficient_amount".to_owned(),
        retryable: true,
        cause: FailureCause::Declined,
    };
    check_answer(201, "", &rejected, OutcomeKind::Object(ProviderStatus::Failed(failure))).await;
    let unlisted = OutcomeKind::Object(ProviderStatus::Processing);
    check_answer(200, "", &payment(123, "invented_in_2030"), unlisted).await;
}

#[tokio::test]
async fn a_reply_about_another_payment_or_without_its_parts_is_unknown() {
    for body in [json!({}), json!([]), json!({"id": 123}), json!({"id": {}, "status": "approved"})] {
        check_answer(200, "", &body, OutcomeKind::Unknown).await;
    }
    let mut unreadable = payment(123, "approved");
    unreadable["currency_id"] = json!("maria");
    check_answer(200, "", &unreadable, OutcomeKind::Unknown).await;
    check_answer(202, "", &payment(123, "approved"), OutcomeKind::Unknown).await;

    let other = ServerStep::Answer(answer(200, "", &payment(124, "approved").to_string()));
    let calls = [Call::Capture, Call::Cancel, Call::Fetch];
    check(&calls, "of another id", &other, OutcomeKind::Unknown).await;
    for reference in [json!("00000000-0000-0000-0000-000000000002"), json!(null)] {
        let mut other = payment(123, "approved");
        other["external_reference"] = reference;
        let other = ServerStep::Answer(answer(201, "", &other.to_string()));
        check(&[Call::Create], "of another reference", &other, OutcomeKind::Unknown).await;
    }
}

#[tokio::test]
async fn each_error_has_the_outcome_that_it_proves() {
    for status in [400, 422] {
        let method = refused(FailureCause::PaymentMethod, "bad_request_3003");
        check_answer(status, "", &error(status, "bad_request", json!(3003)), method).await;
        let instalments = refused(FailureCause::PaymentMethod, "bad_request_4033");
        check_answer(status, "", &error(status, "bad_request", json!(4033)), instalments).await;
        let state = refused(FailureCause::Declined, "bad_request_2063");
        check_answer(status, "", &error(status, "bad_request", json!("2063")), state).await;
        let amount = refused(FailureCause::Declined, "bad_request_4037");
        check_answer(status, "", &error(status, "bad_request", json!(4037)), amount).await;
        let ours = refused(FailureCause::OurRequest, "bad_request_4020");
        check_answer(status, "", &error(status, "bad_request", json!(4020)), ours).await;
        check_answer(status, "", &error(status, "bad_request", json!(2001)), OutcomeKind::Unknown).await;
        check_answer(status, "", &error(status, "bad_request", json!(2004)), OutcomeKind::Unknown).await;
    }
    let missing = refused(FailureCause::OurRequest, "resource_missing");
    check_answer(404, "", &error(404, "not_found", json!(2000)), missing).await;
    let token = refused(FailureCause::PaymentMethod, "not_found_2006");
    check_answer(404, "", &error(404, "not_found", json!(2006)), token).await;

    for status in [401, 403] {
        let rejected = error(status, "unauthorized", json!(null));
        check_answer(status, "", &rejected, OutcomeKind::NotSent(None)).await;
    }
    for body in [error(429, "too_many_requests", json!(null)), json!("<html>")] {
        check_answer(429, "", &body, OutcomeKind::NotSent(None)).await;
        check_answer(429, "retry-after: 7\r\n", &body, OutcomeKind::NotSent(Some(7))).await;
    }
    for status in [302, 402, 408, 409, 410, 418, 423, 424, 500, 502, 503, 504] {
        check_answer(status, "", &error(status, "some_error", json!(3003)), OutcomeKind::Unknown).await;
    }
    for status in [400, 401, 403, 404, 409, 422, 423, 424, 500] {
        check_answer(status, "", &json!("<html>"), OutcomeKind::Unknown).await;
        check_answer(status, "", &json!({}), OutcomeKind::Unknown).await;
    }
}

#[tokio::test]
async fn refunds_have_the_same_outcomes() {
    let check = async |status: u16, body: Value, expected: OutcomeKind<RefundStatus>| {
        let step = ServerStep::Answer(answer(status, "", &body.to_string()));
        let server = ScriptedServer::start(vec![step]).await;
        let adapter = adapter(&server.base_url);
        let made = adapter.refund(&refund(500)).await;
        assert_eq!(outcome_kind(made, |seen| seen.status), expected, "{status} {body}");
        let fetched = adapter.fetch_refund("123", "9").await;
        assert_eq!(outcome_kind(fetched, |seen| seen.status), expected, "fetched {status} {body}");
    };
    check(201, refund_object(9, "approved"), OutcomeKind::Object(RefundStatus::Succeeded)).await;
    check(200, refund_object(9, "in_process"), OutcomeKind::Object(RefundStatus::Pending)).await;
    let mut other = refund_object(9, "approved");
    other["payment_id"] = json!(124);
    check(201, other, OutcomeKind::Unknown).await;
    check(201, json!({"id": 9}), OutcomeKind::Unknown).await;
    check(201, json!([]), OutcomeKind::Unknown).await;
    let state = refused(FailureCause::Declined, "bad_request_2063");
    check(400, error(400, "bad_request", json!(2063)), state).await;
    let balance = refused(FailureCause::Declined, "bad_request_2031");
    check(400, error(400, "bad_request", json!(2031)), balance).await;
    let ours = refused(FailureCause::OurRequest, "bad_request_1");
    check(400, error(400, "bad_request", json!(1)), ours).await;
    let missing = refused(FailureCause::OurRequest, "resource_missing");
    check(404, error(404, "not_found", json!(2000)), missing).await;
    check(429, json!(""), OutcomeKind::NotSent(None)).await;
    check(401, error(401, "unauthorized", json!(null)), OutcomeKind::NotSent(None)).await;
    for status in [409, 423, 424, 500] {
        check(status, error(status, "some_error", json!(null)), OutcomeKind::Unknown).await;
    }

    let another = ServerStep::Answer(answer(200, "", &refund_object(8, "approved").to_string()));
    let server = ScriptedServer::start(vec![another]).await;
    let fetched = adapter(&server.base_url).fetch_refund("123", "9").await;
    assert_eq!(outcome_kind(fetched, |seen| seen.status), OutcomeKind::Unknown);
}

/// An error's text goes into logs and review cases.
#[tokio::test]
async fn an_error_names_its_request_and_reveals_nothing() {
    let step = ServerStep::Answer(answer(500, "x-request-id: request_1\r\n", &payment(123, "x").to_string()));
    let server = ScriptedServer::start(vec![step]).await;
    let outcome = adapter(&server.base_url).create(&order(1)).await;
    let CallOutcome::Unknown { error, .. } = outcome else { panic!("{outcome:?}") };
    assert!(error.contains("500") && error.contains("request_1") && !is_revealing(&error), "{error}");
}
