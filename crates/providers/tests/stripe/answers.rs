//! The outcome of each reply, and of each missing one.

use domain::{
    provider::{CallOutcome, Observation, ProviderStatus},
    rows::FailureCause,
};
use providers::Provider;
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{failure, order, refund, stripe_without_retries};

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
async fn each_status_has_the_outcome_that_it_proves() {
    let ok = OutcomeKind::Object(ProviderStatus::Captured { amount_minor: 2000 });
    check_answer(200, "", intent("succeeded"), ok).await;
    check_answer(200, "", intent("invented_in_2030"), OutcomeKind::Object(ProviderStatus::Processing)).await;
    check_answer(200, "", json!({}), OutcomeKind::Unknown).await;
    check_answer(200, "", json!({"id": "pi_1", "object": "charge"}), OutcomeKind::Unknown).await;
    let mut other = intent("succeeded");
    other["id"] = json!("pi_2");
    check_answer(200, "", other, OutcomeKind::Unknown).await;

    // Stripe stores its own failure under the key, and marks it when it is replayed.
    for status in [500, 503] {
        check_answer(status, "idempotent-replayed: true\r\n", json!("<html>"), OutcomeKind::Spent).await;
    }
    check_answer(404, "", json!({"message": "no route"}), OutcomeKind::Unknown).await;
    check_answer(400, "", error("api_error", "", None), OutcomeKind::Unknown).await;
    // The key belongs to another call.
    check_answer(400, "", error("idempotency_error", "", None), OutcomeKind::Spent).await;
    let in_use = error("idempotency_error", "idempotency_key_in_use", None);
    check_answer(409, "", in_use, OutcomeKind::Unknown).await;
    check_answer(409, "", error("invalid_request_error", "lock_timeout", None), OutcomeKind::Unknown).await;
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
