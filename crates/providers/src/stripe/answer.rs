//! Sorts each answer of Stripe, and each missing one, into what was [`CallOutcome`]. The table stands in the
//! module above.

use std::time::Duration;

use domain::provider::{CallOutcome, Observation, ProviderStatus, RefundObservation};
use domain::rows::FailureCause;
use http::StatusCode;
use resilience::retry_after;
use serde::{Deserialize, de::DeserializeOwned};

use outbound::HttpReply;

use super::{
    client::NoReply,
    decline::{StripeError, bounded},
    objects::{PaymentIntent, Refund},
};

/// Longer waits are the caller's to choose.
const RETRY_AFTER_SECONDS_MAX: i64 = 3_600;

#[derive(Deserialize)]
struct Envelope {
    error: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(flatten)]
    problem: StripeError,
    /// The object as it is now, where the refusal is about one.
    payment_intent: Option<PaymentIntent>,
}

/// `asked_for` is the object the call was about: an answer about another one proves nothing.
pub fn payment(replied: Result<HttpReply, NoReply>, asked_for: Option<&str>) -> CallOutcome<Observation> {
    let is_other = |object: &str| asked_for.is_some_and(|asked_for| asked_for != object);
    let reply = match whole(replied) {
        Ok(reply) => reply,
        Err(heard) => return heard,
    };
    if reply.status.is_success() {
        return match read(&reply, PaymentIntent::observe) {
            Ok(observation) if is_other(&observation.object) => unknown(&reply, "it is about another object"),
            Ok(observation) => CallOutcome::Object(observation),
            Err(why) => unknown(&reply, &why),
        };
    }
    let refusal = match refusal(&reply) {
        Ok(refusal) => refusal,
        Err(heard) => return heard,
    };
    let problem = refusal.problem;
    let object = refusal.payment_intent.and_then(|intent| intent.observe().ok());
    let object = object.filter(|observation| !is_other(&observation.object));
    let is_card_error = problem.kind.as_deref() == Some("card_error");
    match object {
        // A card's refusal is the outcome of the payment; any other is one of the call.
        Some(object) if is_card_error && matches!(object.status, ProviderStatus::Declined(_)) => {
            CallOutcome::Object(object)
        }
        Some(object) if is_card_error && object.status == ProviderStatus::Unconfirmed => {
            CallOutcome::Object(Observation { status: ProviderStatus::Declined(problem.failure()), ..object })
        }
        object => refused(&problem, object),
    }
}

pub fn refund(
    replied: Result<HttpReply, NoReply>,
    asked_for: Option<&str>,
) -> CallOutcome<RefundObservation> {
    let reply = match whole(replied) {
        Ok(reply) => reply,
        Err(heard) => return heard,
    };
    if reply.status.is_success() {
        return match read(&reply, Refund::observe) {
            Ok(refund) if asked_for.is_some_and(|asked_for| asked_for != refund.object) => {
                unknown(&reply, "it is about another object")
            }
            Ok(observation) => CallOutcome::Object(observation),
            Err(why) => unknown(&reply, &why),
        };
    }
    match refusal(&reply) {
        Ok(Refusal { problem, .. }) if problem.is_about_the_amount() => {
            CallOutcome::Refused { code: code_of(&problem), cause: FailureCause::Declined, object: None }
        }
        Ok(refusal) => refused(&refusal.problem, None),
        Err(heard) => heard,
    }
}

/// A part of what was looked through. Turned down it says nothing of what was looked for.
pub fn list<L: DeserializeOwned, O>(replied: Result<HttpReply, NoReply>) -> Result<L, CallOutcome<O>> {
    let reply = whole(replied)?;
    if reply.status.is_success() {
        return read(&reply, Ok).map_err(|why| unknown(&reply, &why));
    }
    let refused = refusal(&reply)?;
    Err(unknown(&reply, refused.problem.word()))
}

fn whole<O>(replied: Result<HttpReply, NoReply>) -> Result<HttpReply, CallOutcome<O>> {
    replied.map_err(|lost| match lost {
        NoReply::NotSent(error) => CallOutcome::NotSent { error, retry_after_seconds: None, asked: true },
        NoReply::Shut(left) => {
            let error = "the circuit of this account is open".to_owned();
            CallOutcome::NotSent { error, retry_after_seconds: Some(seconds(left)), asked: false }
        }
        NoReply::Unknown(error) => CallOutcome::Unknown { error, key_spent: false },
    })
}

fn read<W: DeserializeOwned, O>(
    reply: &HttpReply,
    observe: impl FnOnce(W) -> Result<O, String>,
) -> Result<O, String> {
    let shown: W = serde_json::from_slice(&reply.body).map_err(|_| "its body cannot be read".to_owned())?;
    observe(shown)
}

/// A refusal that proves that nothing happened, or whatever else the answer says.
fn refusal<O>(reply: &HttpReply) -> Result<Refusal, CallOutcome<O>> {
    let not_sent = |problem: &str| CallOutcome::NotSent {
        error: format!("turned away: {}", described(reply, problem)),
        retry_after_seconds: retry_after_seconds(reply),
        asked: true,
    };
    let envelope: Option<Envelope> = serde_json::from_slice(&reply.body).ok();
    if reply.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(not_sent(envelope.as_ref().map_or("", |envelope| envelope.error.problem.word())));
    }
    let Some(Envelope { error }) = envelope else {
        return Err(unknown(reply, "it is not one of Stripe's"));
    };
    let kind = error.problem.kind.as_deref().unwrap_or_default();
    match (reply.status.as_u16(), kind) {
        (401 | 403, _) => Err(not_sent(error.problem.word())),
        (400 | 402 | 404, "invalid_request_error" | "card_error") => Ok(error),
        // The key was used for another call.
        (400, "idempotency_error") => {
            Err(CallOutcome::Unknown { error: described(reply, error.problem.word()), key_spent: true })
        }
        // A call under this key may be running, above all.
        _ => Err(unknown(reply, error.problem.word())),
    }
}

fn refused<O>(problem: &StripeError, object: Option<O>) -> CallOutcome<O> {
    CallOutcome::Refused { code: code_of(problem), cause: problem.cause(), object }
}

fn code_of(problem: &StripeError) -> String {
    bounded(problem.word())
}

fn unknown<O>(reply: &HttpReply, why: &str) -> CallOutcome<O> {
    let key_spent = reply.status.is_server_error() && reply.is_replayed();
    CallOutcome::Unknown { error: described(reply, why), key_spent }
}

/// Never the body: a PaymentIntent carries its client secret.
fn described(reply: &HttpReply, why: &str) -> String {
    let request = reply.headers.get("request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
    format!("HTTP {}, {}, request id {}", reply.status.as_u16(), bounded(why), bounded(request))
}

fn retry_after_seconds(reply: &HttpReply) -> Option<i64> {
    retry_after::wanted_by_its_own_clock(&reply.headers).map(seconds)
}

/// Rounded up: nobody comes back too early.
fn seconds(wanted: Duration) -> i64 {
    let whole = wanted.as_secs().saturating_add(u64::from(wanted.subsec_nanos() > 0));
    i64::try_from(whole).unwrap_or(i64::MAX).min(RETRY_AFTER_SECONDS_MAX)
}
