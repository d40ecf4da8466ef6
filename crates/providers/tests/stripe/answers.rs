//! The outcome of each reply, and of each missing one.

use domain::{
    provider::{CallOutcome, Observation, ProviderStatus},
    rows::FailureCause,
};
use providers::Provider;
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};
use tokio::net::TcpListener;

use crate::{euros, failure, on, order, refund, stripe_without_retries};

/// The part of an outcome that these tests compare.
#[derive(Clone, Debug, PartialEq)]
enum OutcomeKind {
    Object(ProviderStatus),
    Refused(&'static str, Option<ProviderStatus>),
    /// Refused, but not because of the object's state.
    RefusedBecauseOf(FailureCause, &'static str),
    NotSent(Option<i64>),
    Unknown,
    /// Unknown, and its key is spent.
    Spent,
}

fn outcome_kind(outcome: CallOutcome<Observation>) -> OutcomeKind {
    match outcome {
        CallOutcome::Object(observation) => OutcomeKind::Object(observation.status),
        CallOutcome::Refused { code, cause: FailureCause::Declined, object } => {
            OutcomeKind::Refused(code.leak(), object.map(|object| object.status))
        }
        CallOutcome::Refused { code, cause, .. } => OutcomeKind::RefusedBecauseOf(cause, code.leak()),
        CallOutcome::NotSent { retry_after_seconds, .. } => OutcomeKind::NotSent(retry_after_seconds),
        CallOutcome::Unknown { key_spent: false, .. } => OutcomeKind::Unknown,
        CallOutcome::Unknown { key_spent: true, .. } => OutcomeKind::Spent,
    }
}

async fn check(name: &str, behaviour: ServerStep, expected: OutcomeKind) {
    let server = ScriptedServer::start(vec![behaviour]).await;
    let outcome = stripe_without_retries(server.base_url.clone()).confirm(&order(1), "pi_1").await;
    assert_eq!(outcome_kind(outcome), expected, "{name}");
    assert!(server.requests().len() <= 1, "{name}: repeated");
}

async fn check_answer(status: u16, headers: &str, body: Value, expected: OutcomeKind) {
    let bytes = answer(status, headers, &body.to_string());
    check(&format!("{status} {body}"), ServerStep::Answer(bytes), expected).await;
}

fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 2000, "currency": "eur",
        "amount_capturable": 0, "amount_received": 2000, "client_secret": "pi_1_secret_x", "metadata": {},
    })
}

fn error(kind: &str, code: &str, intent: Option<Value>) -> Value {
    let mut error = json!({"type": kind, "code": code, "message": "Something.", "charge": "ch_1"});
    if let Some(intent) = intent {
        error["payment_intent"] = intent;
    }
    json!({ "error": error })
}

fn declined(code: &str, retryable: bool) -> ProviderStatus {
    ProviderStatus::Declined(failure(code, retryable))
}

#[tokio::test]
async fn a_broken_wire_is_unknown() {
    let whole = answer(200, "", &intent("succeeded").to_string());
    let half = whole[..whole.len() - 10].to_vec();
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec();
    // Each is complete and would be read if it were shorter.
    let long = format!("{}{}", intent("succeeded"), " ".repeat(1 << 20));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    let cases = [
        ("reset before it was read", ServerStep::ResetUnread),
        ("reset before an answer", ServerStep::Reset),
        ("closed before an answer", ServerStep::AnswerAndClose(Vec::new())),
        ("silence", ServerStep::AnswerAndStall(Vec::new())),
        ("closed within the headers", ServerStep::AnswerAndClose(b"HTTP/1.1 200 OK\r\nconte".to_vec())),
        ("closed after the headers", ServerStep::AnswerAndClose(head.clone())),
        ("silence after the headers", ServerStep::AnswerAndStall(head)),
        ("closed within the body", ServerStep::AnswerAndClose(half.clone())),
        ("silence within the body", ServerStep::AnswerAndStall(half)),
        ("garbage", ServerStep::AnswerAndClose(b"\x00\xff\r\n\r\nSSH-2.0\r\n\r\n".to_vec())),
        ("endless headers", ServerStep::AnswerEndlessly(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec())),
        ("a body too long", ServerStep::Answer(chunked.into_bytes())),
        ("a body whose declared length is too long", ServerStep::Answer(answer(200, "", &long))),
    ];
    for (name, behaviour) in cases {
        check(name, behaviour, OutcomeKind::Unknown).await;
    }
}

#[tokio::test]
async fn no_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let stripe = stripe_without_retries(base_url);
    assert_eq!(outcome_kind(stripe.confirm(&order(1), "pi_1").await), OutcomeKind::NotSent(None));
    let found = stripe.refunds_of("pi_1").await;
    assert!(matches!(found, CallOutcome::NotSent { reached_provider: true, .. }), "{found:?}");
}

/// The HTTP library must not repeat a call that may have been read, even over a new connection.
#[tokio::test]
async fn a_kept_connection_that_breaks_is_unknown() {
    let whole = ServerStep::Answer(answer(200, "", &intent("succeeded").to_string()));
    let server = ScriptedServer::start(vec![whole.clone(), ServerStep::Reset, whole]).await;
    let stripe = stripe_without_retries(server.base_url.clone());
    let captured = OutcomeKind::Object(ProviderStatus::Captured { amount_minor: 2000 });
    assert_eq!(outcome_kind(stripe.fetch("pi_1").await), captured);
    assert_eq!(outcome_kind(stripe.confirm(&order(1), "pi_1").await), OutcomeKind::Unknown);
    assert_eq!(server.requests().len(), 2);
    assert_eq!(outcome_kind(stripe.fetch("pi_1").await), captured);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn each_status_has_the_outcome_that_it_proves() {
    let ok = OutcomeKind::Object(ProviderStatus::Captured { amount_minor: 2000 });
    check_answer(200, "", intent("succeeded"), ok).await;
    check_answer(200, "", intent("invented_in_2030"), OutcomeKind::Object(ProviderStatus::Processing)).await;
    check_answer(200, "", json!({}), OutcomeKind::Unknown).await;
    check_answer(200, "", json!({"id": "pi_1", "object": "charge"}), OutcomeKind::Unknown).await;
    let mut other = intent("succeeded");
    other["id"] = json!("pi_2");
    check_answer(200, "", other, OutcomeKind::Unknown).await;

    for status in [500, 502, 503, 504, 424, 408, 409, 418, 302] {
        check_answer(status, "", error("api_error", "", None), OutcomeKind::Unknown).await;
        check_answer(status, "", json!("<html>"), OutcomeKind::Unknown).await;
    }
    // Stripe stores its own failure under the key, and marks it when it is replayed.
    for status in [500, 503] {
        check_answer(status, "idempotent-replayed: true\r\n", json!("<html>"), OutcomeKind::Spent).await;
    }
    check_answer(400, "", json!("<html>"), OutcomeKind::Unknown).await;
    check_answer(404, "", json!({"message": "no route"}), OutcomeKind::Unknown).await;
    check_answer(403, "", json!("<html>"), OutcomeKind::Unknown).await;
    check_answer(400, "", error("api_error", "", None), OutcomeKind::Unknown).await;
    // The key belongs to another call.
    check_answer(400, "", error("idempotency_error", "", None), OutcomeKind::Spent).await;
    let in_use = error("idempotency_error", "idempotency_key_in_use", None);
    check_answer(409, "", in_use, OutcomeKind::Unknown).await;
    check_answer(409, "", error("invalid_request_error", "lock_timeout", None), OutcomeKind::Unknown).await;

    let rate_limit = error("invalid_request_error", "rate_limit", None);
    check_answer(429, "", rate_limit.clone(), OutcomeKind::NotSent(None)).await;
    check_answer(429, "retry-after: 7\r\n", rate_limit.clone(), OutcomeKind::NotSent(Some(7))).await;
    check_answer(429, "retry-after: 99999\r\n", rate_limit.clone(), OutcomeKind::NotSent(Some(3600))).await;
    check_answer(429, "retry-after: -1\r\n", rate_limit.clone(), OutcomeKind::NotSent(None)).await;
    check_answer(429, "retry-after: Wed, 21 Oct\r\n", rate_limit, OutcomeKind::NotSent(None)).await;
    let dated = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:47 GMT\r\n";
    check_answer(429, dated, json!("<html>"), OutcomeKind::NotSent(Some(10))).await;
    check_answer(429, "", json!("<html>"), OutcomeKind::NotSent(None)).await;
    check_answer(401, "", error("invalid_request_error", "", None), OutcomeKind::NotSent(None)).await;
    check_answer(403, "", error("invalid_request_error", "", None), OutcomeKind::NotSent(None)).await;
}

#[tokio::test]
async fn refusals_and_declines_are_distinguished() {
    let unexpected = "payment_intent_unexpected_state";
    let captured = ProviderStatus::Captured { amount_minor: 2000 };
    let refused = error("invalid_request_error", unexpected, Some(intent("succeeded")));
    check_answer(400, "", refused, OutcomeKind::Refused(unexpected, Some(captured.clone()))).await;
    // Our own request's faults are not the payer's, and no other card would help.
    let ours = |code| OutcomeKind::RefusedBecauseOf(FailureCause::OurRequest, code);
    let mut missing = error("invalid_request_error", "resource_missing", None);
    check_answer(404, "", missing.clone(), ours("resource_missing")).await;
    missing["error"]["param"] = json!("payment_method");
    let payers = OutcomeKind::RefusedBecauseOf(FailureCause::PaymentMethod, "resource_missing");
    check_answer(400, "", missing, payers).await;
    let nameless = error("invalid_request_error", "", None);
    check_answer(400, "", nameless, ours("invalid_request_error")).await;
    let removed = "payment_method_types_no_longer_supported";
    check_answer(400, "", error("invalid_request_error", removed, None), ours(removed)).await;

    let mut wants_another_card = intent("requires_payment_method");
    let without_a_reason = wants_another_card.clone();
    wants_another_card["last_payment_error"] =
        json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"});
    let own = |intent: Value| error("card_error", "card_declined", Some(intent));
    let insufficient = OutcomeKind::Object(declined("insufficient_funds", true));
    check_answer(402, "", own(wants_another_card.clone()), insufficient).await;
    check_answer(402, "", own(without_a_reason), OutcomeKind::Object(declined("card_declined", true))).await;
    check_answer(402, "", own(intent("succeeded")), OutcomeKind::Refused("card_declined", Some(captured)))
        .await;
    check_answer(
        402,
        "",
        error("card_error", "expired_card", None),
        OutcomeKind::Refused("expired_card", None),
    )
    .await;
    // An old decline is not the outcome of a call that Stripe refuses today.
    let stale = error("invalid_request_error", unexpected, Some(wants_another_card));
    let shown = declined("insufficient_funds", true);
    check_answer(400, "", stale, OutcomeKind::Refused(unexpected, Some(shown))).await;
    let mut other = intent("succeeded");
    other["id"] = json!("pi_2");
    let about_another = error("invalid_request_error", unexpected, Some(other));
    check_answer(400, "", about_another, OutcomeKind::Refused(unexpected, None)).await;
}

#[tokio::test]
async fn refunds_have_the_same_outcomes() {
    let shown = json!({
        "id": "re_1", "object": "refund", "status": "succeeded", "amount": 500, "currency": "eur",
        "payment_intent": "pi_1", "metadata": {},
    });
    let check = async |status: u16, body: Value, expected: &str| {
        let server =
            ScriptedServer::start(vec![ServerStep::Answer(answer(status, "", &body.to_string()))]).await;
        let outcome =
            stripe_without_retries(server.base_url.clone()).refund(&refund(9, &order(1), "pi_1", 500)).await;
        let outcome = match outcome {
            CallOutcome::Object(refund) => refund.object,
            CallOutcome::Refused { code, cause: FailureCause::Declined, object: None } => code,
            CallOutcome::Refused { code, cause, object: None } => format!("{code} because of {cause:?}"),
            CallOutcome::Refused { .. } => "refused with an object".to_owned(),
            CallOutcome::NotSent { .. } => "not sent".to_owned(),
            CallOutcome::Unknown { .. } => "unknown".to_owned(),
        };
        assert_eq!(outcome, expected, "{status} {body}");
    };
    check(200, shown, "re_1").await;
    check(200, intent("succeeded"), "unknown").await;
    check(500, error("api_error", "", None), "unknown").await;
    let already = error("invalid_request_error", "charge_already_refunded", None);
    check(400, already, "charge_already_refunded").await;
    let mut too_much = error("invalid_request_error", "", None);
    too_much["error"]["param"] = json!("amount");
    too_much["error"]["code"] = json!(null);
    check(400, too_much, "invalid_request_error").await;
    let unknown = error("invalid_request_error", "parameter_unknown", None);
    check(400, unknown, "parameter_unknown because of OurRequest").await;
    check(429, json!(""), "not sent").await;
    check(401, error("invalid_request_error", "", None), "not sent").await;
    check(400, error("idempotency_error", "", None), "unknown").await;
}

/// An error's text goes into logs and review cases.
#[tokio::test]
async fn an_error_text_contains_no_secret() {
    let mut own = intent("succeeded");
    own["currency"] = json!("?");
    let server = ScriptedServer::start(vec![ServerStep::Answer(answer(
        200,
        "request-id: req_1\r\n",
        &own.to_string(),
    ))])
    .await;
    let outcome =
        stripe_without_retries(server.base_url.clone()).capture(on(order(1).attempt, "pi_1"), euros(1)).await;
    let CallOutcome::Unknown { error, .. } = outcome else { panic!("{outcome:?}") };
    assert!(error.contains("req_1") && error.contains("currency"), "{error}");
    assert!(!error.contains("secret") && !error.contains("sk_test"), "{error}");
}
