//! Turns each reply of Stripe, and each missing one, into a [`CallOutcome`]. The parent module has
//! the table.

use domain::provider::{
    CallOutcome, DisputeObservation, Observation, ProviderStatus, RefundObservation, TransferAnswer,
    TransferObservation,
};
use domain::{CustomerId, rows::FailureCause};
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};

use outbound::HttpReply;

use super::{
    customers::StripeCustomer,
    decline::{StripeError, bounded},
    dispute::Dispute,
    objects::{PaymentIntent, Refund},
    transfers::StripeTransfer,
};
use crate::{
    exchange::{NoReply, retry_after_seconds},
    port::CUSTOMER_IS_MISSING,
};

/// An intermediary may mix up two replies.
pub const ANOTHER_OBJECT: &str = "the reply is about another object";

#[derive(Deserialize)]
struct Envelope {
    error: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(flatten)]
    problem: StripeError,
    /// The current object, if the refusal is about one.
    payment_intent: Option<PaymentIntent>,
}

/// `requested` is the object that the call was about: a reply about another one proves nothing.
pub fn payment(result: Result<HttpReply, NoReply>, requested: Option<&str>) -> CallOutcome<Observation> {
    let is_other = |object: &str| requested.is_some_and(|requested| requested != object);
    let reply = match received(result) {
        Ok(reply) => reply,
        Err(outcome) => return outcome,
    };
    if reply.status.is_success() {
        return match read(&reply, PaymentIntent::observe) {
            Ok(observation) if is_other(&observation.object) => unknown(&reply, ANOTHER_OBJECT),
            Ok(observation) => CallOutcome::Object(observation),
            Err(reason) => unknown(&reply, &reason),
        };
    }
    let refusal = match refusal(&reply) {
        Ok(refusal) => refusal,
        Err(outcome) => return outcome,
    };
    let problem = refusal.problem;
    let object = refusal.payment_intent.and_then(|intent| intent.observe().ok());
    let object = object.filter(|observation| !is_other(&observation.object));
    let is_card_error = problem.kind.as_deref() == Some("card_error");
    match object {
        // A card's refusal is the outcome of the payment; any other refusal is the outcome of the
        // call.
        Some(object) if is_card_error && matches!(object.status, ProviderStatus::Declined(_)) => {
            CallOutcome::Object(object)
        }
        Some(object) if is_card_error && object.status == ProviderStatus::Unconfirmed => {
            CallOutcome::Object(Observation { status: ProviderStatus::Declined(problem.failure()), ..object })
        }
        None if problem.is_missing_customer() => {
            let code = CUSTOMER_IS_MISSING.to_owned();
            CallOutcome::Refused { code, cause: FailureCause::PaymentMethod, object: None }
        }
        object => refused(&problem, object),
    }
}

/// What a reply shows; a refusal is about no object. `observe` refuses a reply about another one.
pub fn object<W: DeserializeOwned, O>(
    result: Result<HttpReply, NoReply>,
    observe: impl FnOnce(W) -> Result<O, String>,
) -> CallOutcome<O> {
    let reply = match received(result) {
        Ok(reply) => reply,
        Err(outcome) => return outcome,
    };
    if reply.status.is_success() {
        return match read(&reply, observe) {
            Ok(object) => CallOutcome::Object(object),
            Err(reason) => unknown(&reply, &reason),
        };
    }
    refusal(&reply).map_or_else(|outcome| outcome, |refusal| refused(&refusal.problem, None))
}

/// `ours` is the customer whom it stands for.
pub fn customer(result: Result<HttpReply, NoReply>, ours: CustomerId) -> CallOutcome<String> {
    object(result, |shown: StripeCustomer| shown.checked(ours))
}

pub fn refund(result: Result<HttpReply, NoReply>, requested: Option<&str>) -> CallOutcome<RefundObservation> {
    let reply = match received(result) {
        Ok(reply) => reply,
        Err(outcome) => return outcome,
    };
    if reply.status.is_success() {
        return match read(&reply, Refund::observe) {
            Ok(refund) if requested.is_some_and(|requested| requested != refund.object) => {
                unknown(&reply, ANOTHER_OBJECT)
            }
            Ok(observation) => CallOutcome::Object(observation),
            Err(reason) => unknown(&reply, &reason),
        };
    }
    match refusal(&reply) {
        Ok(Refusal { problem, .. }) if problem.is_about_the_amount() => {
            CallOutcome::Refused { code: bounded_code(&problem), cause: FailureCause::Declined, object: None }
        }
        Ok(refusal) => refused(&refusal.problem, None),
        Err(outcome) => outcome,
    }
}

/// `requested` is the dispute that the call was about.
pub fn dispute(result: Result<HttpReply, NoReply>, requested: &str) -> CallOutcome<DisputeObservation> {
    object(result, |shown: Dispute| {
        let seen = shown.observe(None)?;
        if seen.object == requested { Ok(seen) } else { Err(ANOTHER_OBJECT.to_owned()) }
    })
}

/// A balance that is too low at present is a definite answer: no money moved, and it may be enough later.
pub fn transfer(result: Result<HttpReply, NoReply>) -> CallOutcome<TransferAnswer> {
    let reply = match received(result) {
        Ok(reply) => reply,
        Err(outcome) => return outcome,
    };
    if reply.status.is_success() {
        return match read(&reply, StripeTransfer::observe) {
            Ok(made) => CallOutcome::Object(TransferAnswer::Made(made)),
            Err(reason) => unknown(&reply, &reason),
        };
    }
    match refusal(&reply) {
        Ok(refusal) if refusal.problem.code() == "balance_insufficient" => {
            CallOutcome::Object(TransferAnswer::InsufficientBalance)
        }
        Ok(refusal) => refused(&refusal.problem, None),
        Err(outcome) => outcome,
    }
}

pub fn fetched_transfer(
    result: Result<HttpReply, NoReply>,
    requested: &str,
) -> CallOutcome<TransferObservation> {
    object(result, |shown: StripeTransfer| {
        let seen = shown.observe()?;
        if seen.object == requested { Ok(seen) } else { Err(ANOTHER_OBJECT.to_owned()) }
    })
}

/// One page of a list. A refusal says nothing about the object that is searched for.
pub fn list<L: DeserializeOwned, O>(result: Result<HttpReply, NoReply>) -> Result<L, CallOutcome<O>> {
    let reply = received(result)?;
    if reply.status.is_success() {
        return read(&reply, Ok).map_err(|reason| unknown(&reply, &reason));
    }
    let refused = refusal(&reply)?;
    Err(unknown(&reply, refused.problem.code()))
}

fn received<O>(result: Result<HttpReply, NoReply>) -> Result<HttpReply, CallOutcome<O>> {
    result.map_err(NoReply::outcome)
}

fn read<W: DeserializeOwned, O>(
    reply: &HttpReply,
    observe: impl FnOnce(W) -> Result<O, String>,
) -> Result<O, String> {
    let unreadable = || "the body cannot be read".to_owned();
    if reply.body.trim_ascii_start().first() != Some(&b'{') {
        // serde would read an array as the members in their order.
        return Err(unreadable());
    }
    let shown: W = serde_json::from_slice(&reply.body).map_err(|_| unreadable())?;
    observe(shown)
}

/// The refusal, if it proves that nothing happened; otherwise the outcome that the reply proves.
fn refusal<O>(reply: &HttpReply) -> Result<Refusal, CallOutcome<O>> {
    let not_sent = |problem: &str| CallOutcome::NotSent {
        error: format!("rejected: {}", describe(reply, problem)),
        retry_after_seconds: retry_after_seconds(reply),
        reached_provider: true,
    };
    let envelope: Option<Envelope> = serde_json::from_slice(&reply.body).ok();
    if reply.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(not_sent(envelope.as_ref().map_or("", |envelope| envelope.error.problem.code())));
    }
    let Some(Envelope { error }) = envelope else {
        return Err(unknown(reply, "the reply is not in Stripe's form"));
    };
    let kind = error.problem.kind.as_deref().unwrap_or_default();
    match (reply.status.as_u16(), kind) {
        (401 | 403, _) => Err(not_sent(error.problem.code())),
        (400 | 402 | 404, "invalid_request_error" | "card_error") => Ok(error),
        // The key was used for another call.
        (400, "idempotency_error") => {
            Err(CallOutcome::Unknown { error: describe(reply, error.problem.code()), key_spent: true })
        }
        // This includes a call that is still running under this key.
        _ => Err(unknown(reply, error.problem.code())),
    }
}

fn refused<O>(problem: &StripeError, object: Option<O>) -> CallOutcome<O> {
    CallOutcome::Refused { code: bounded_code(problem), cause: problem.cause(), object }
}

fn bounded_code(problem: &StripeError) -> String {
    bounded(problem.code())
}

fn unknown<O>(reply: &HttpReply, reason: &str) -> CallOutcome<O> {
    let key_spent = reply.status.is_server_error() && reply.is_replayed();
    CallOutcome::Unknown { error: describe(reply, reason), key_spent }
}

/// Never includes the body: a PaymentIntent carries its client secret.
fn describe(reply: &HttpReply, reason: &str) -> String {
    let request = reply.headers.get("request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
    format!("HTTP {}, {}, request id {}", reply.status.as_u16(), bounded(reason), bounded(request))
}
