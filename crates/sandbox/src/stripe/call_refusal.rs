//! Refusals of calls that are never executed, in Stripe's words.

use crate::{refusal::StripeRefusal, wire::CallRefusal};

pub fn call_refusal(why: &CallRefusal) -> StripeRefusal {
    match why {
        // The faults of keys are not drawn for Stripe's calls.
        CallRefusal::Unavailable | CallRefusal::KeyLocked | CallRefusal::FailedDependency => {
            StripeRefusal::api("Stripe is temporarily unavailable.").with_status(503)
        }
        CallRefusal::RateLimited => {
            let message = "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.";
            StripeRefusal::invalid(message).with_status(429).with_code("rate_limit")
        }
        CallRefusal::NoCredential => StripeRefusal::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details.",
        ),
        CallRefusal::UnknownCredential(secret_key) => {
            let shown: String = secret_key.chars().take(8).collect();
            StripeRefusal::unauthorized(format!("Invalid API Key provided: {shown}***"))
        }
        CallRefusal::KeyTooLong => StripeRefusal::idempotency(
            400,
            None,
            format!("Idempotency keys can be at most {} characters long.", crate::call::KEY_BYTES_MAX),
        ),
        CallRefusal::KeyInUse(key) => {
            let message = format!(
                "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}. Please try again later."
            );
            StripeRefusal::idempotency(409, Some("idempotency_key_in_use"), message)
        }
        CallRefusal::KeyReused(key) => {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
            );
            StripeRefusal::idempotency(400, None, message)
        }
        CallRefusal::Failure(message) => StripeRefusal::api(message),
    }
}
