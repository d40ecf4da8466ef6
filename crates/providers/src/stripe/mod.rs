//! Stripe, <https://docs.stripe.com/api>: one PaymentIntent a payment, made unconfirmed, confirmed by id.
//!
//! **Keys.** `surehold-{attempt}-{verb}`, so that whoever drives an attempt, before or after a crash or a
//! restored backup, says the same call under the same key, and two attempts never share one. Stripe keeps
//! keys for 24 hours (<https://docs.stripe.com/api/idempotent_requests>); [`Settings::key_retention`] stays
//! below that.
//!
//! **Card, and a page to come back to if there is one.** `allowed_payment_method_types[0]=card` rather than
//! `automatic_payment_methods`: the latter brings in methods that cannot be confirmed without a
//! `return_url`. With a card it is optional: given, 3-D Secure is a page to redirect to; left out, Stripe's
//! own front-end code finishes it with the client secret
//! (<https://docs.stripe.com/api/payment_intents/confirm#confirm_payment_intent-return_url>).
//!
//! **What each answer proves** (<https://docs.stripe.com/error-low-level>,
//! <https://docs.stripe.com/error-codes>):
//!
//! | answer | heard | because |
//! |---|---|---|
//! | none: the circuit is open | not sent, nobody was asked | |
//! | no such name, refused, no connection or TLS in time | not sent | not a byte was written |
//! | connection broke, timeout, an answer that broke off, is too long or cannot be read | unknown | it may have been carried out |
//! | 2xx with the object | object | |
//! | 2xx about another object | unknown | somebody on the way mixed up two answers |
//! | 400, 404 `invalid_request_error` (`payment_intent_unexpected_state`, `charge_already_refunded`, `resource_missing`, ...) | refused, with the object where Stripe shows it | this call did nothing; an "already" may be what an earlier one did, so fetch |
//! | 402 `card_error` whose PaymentIntent wants another card | object, declined | that is the outcome of the payment |
//! | 402 `card_error` with a PaymentIntent in another state, or none | refused | the call failed and the payment did not |
//! | 400, 409 `idempotency_error` | unknown | the key was used: a call under it may be running or done |
//! | 409 (`idempotency_key_in_use`, ...) | unknown | the other call may be doing it right now |
//! | 429 (rate limit, `lock_timeout`) | not sent, after `Retry-After` | turned away before it was begun |
//! | 401, 403 in Stripe's form | not sent | a wrong key moves no money; mend the settings and go on |
//! | 5xx, 3xx, any other status, an error that is not in Stripe's form | unknown | "treat the result of a 500 as indeterminate" |
//!
//! Metadata: `operation` (payment), `attempt`, `booking`, `tenant`, `reference`, and for a refund
//! `refund`, `operation`, `attempt`: whatever arrives later can be brought home.
//!
//! What must never be done here: say a call twice that may have moved money, use Stripe's search (it lags behind), or let a body into
//! a log or an error's text (it holds client secrets).

mod answer;
mod client;
mod connector;
mod currency;
mod decline;
mod event;
mod exchange;
mod form;
mod objects;
mod refunds;
mod settings;
mod signature;

use domain::{
    AttemptId, Money, Timestamp,
    provider::{Heard, Observation, RefundObservation},
    time::Span,
};
use http::HeaderMap;

use crate::{
    About, Answer, Arrived, Found, Guard, Order, Provider, RefundOrder,
    webhook::{Malformed, Refused},
};
use client::Client;
use form::{Form, segment};
pub use settings::Settings;

pub const NAME: &str = "stripe";

/// The events that a webhook endpoint for this adapter subscribes to. Others are stored and ignored;
/// leaving them out saves their traffic.
pub const EVENTS: &[&str] = &[
    "payment_intent.succeeded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "refund.updated",
    "refund.failed",
];

/// One account at Stripe.
pub struct Stripe {
    client: Client,
    settings: Settings,
}

impl Stripe {
    /// Opens nothing yet. The error says in a sentence what is wrong with the settings.
    pub fn new(settings: Settings) -> Result<Stripe, String> {
        Stripe::guarded(settings, &Guard::default())
    }

    /// The same, behind a guard that others know of.
    pub fn guarded(settings: Settings, guard: &Guard) -> Result<Stripe, String> {
        settings.check()?;
        Ok(Stripe { client: Client::new(&settings, guard)?, settings })
    }

    /// `verb` of the PaymentIntent itself, such as `/confirm`.
    async fn act(&self, attempt: AttemptId, object: &str, verb: &str, form: Form) -> Heard<Observation> {
        let path = format!("/v1/payment_intents/{}/{verb}", segment(object));
        answer::payment(self.client.post(&path, form, &key(attempt, verb)).await, Some(object))
    }
}

fn key(attempt: AttemptId, verb: &str) -> String {
    format!("surehold-{attempt}-{verb}")
}

/// Refused here: Stripe has no such amount, and another must not be charged in its place.
fn not_representable<O>() -> Heard<O> {
    Heard::Refused { code: "amount_not_representable".to_owned(), object: None }
}

/// Confirmed by us alone and by id: `confirm` is left out, and with it every way for money to move.
fn creation(order: &Order) -> Option<Form> {
    let ours = [
        ("operation", Some(order.operation.to_string())),
        ("attempt", Some(order.attempt.to_string())),
        ("tenant", Some(order.tenant.to_string())),
        ("booking", order.booking.map(|booking| booking.to_string())),
        ("reference", order.reference.clone()),
    ];
    let form = Form::new()
        .with("amount", &currency::to_stripe(order.amount)?.to_string())
        .with("currency", &order.amount.currency.code().to_ascii_lowercase())
        .with("capture_method", order.capture.name())
        .with("payment_method", &order.payment_method)
        .with("allowed_payment_method_types[0]", "card")
        .with_metadata(&ours, &order.metadata);
    Some(form)
}

impl Provider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn create<'a>(&'a self, order: &'a Order) -> Answer<'a, Observation> {
        Box::pin(async move {
            let Some(form) = creation(order) else { return not_representable() };
            let replied = self.client.post("/v1/payment_intents", form, &key(order.attempt, "create")).await;
            answer::payment(replied, None)
        })
    }

    fn confirm<'a>(&'a self, order: &'a Order, object: &'a str) -> Answer<'a, Observation> {
        let form = Form::new().with_some("return_url", order.return_url.as_deref());
        Box::pin(self.act(order.attempt, object, "confirm", form))
    }

    fn fetch<'a>(&'a self, object: &'a str) -> Answer<'a, Observation> {
        Box::pin(async move {
            let path = format!("/v1/payment_intents/{}", segment(object));
            answer::payment(self.client.get(&path).await, Some(object))
        })
    }

    fn capture<'a>(&'a self, attempt: AttemptId, object: &'a str, amount: Money) -> Answer<'a, Observation> {
        Box::pin(async move {
            let Some(amount) = currency::to_stripe(amount) else { return not_representable() };
            let form = Form::new().with("amount_to_capture", &amount.to_string());
            self.act(attempt, object, "capture", form).await
        })
    }

    fn cancel<'a>(&'a self, attempt: AttemptId, object: &'a str) -> Answer<'a, Observation> {
        Box::pin(self.act(attempt, object, "cancel", Form::new()))
    }

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> Answer<'a, RefundObservation> {
        Box::pin(refunds::make(&self.client, refund))
    }

    fn find_refund<'a>(&'a self, refund: &'a RefundOrder) -> Found<'a, RefundObservation> {
        Box::pin(refunds::find(&self.client, refund))
    }

    fn fetch_refund<'a>(&'a self, object: &'a str) -> Answer<'a, RefundObservation> {
        Box::pin(async move {
            let path = format!("/v1/refunds/{}", segment(object));
            answer::refund(self.client.get(&path).await, Some(object))
        })
    }

    fn key_retention(&self) -> Span {
        self.settings.key_retention
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Arrived, Refused> {
        let settings = &self.settings;
        signature::verify(headers, body, &settings.webhook_secrets, settings.webhook_tolerance, now)?;
        event::arrived(body, settings.mode)
    }

    fn interpret(&self, body: &[u8]) -> Result<About, Malformed> {
        event::about(body)
    }
}
