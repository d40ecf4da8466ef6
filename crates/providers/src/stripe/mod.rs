//! Stripe, <https://docs.stripe.com/api>: one PaymentIntent per payment, created unconfirmed,
//! confirmed by id.
//!
//! **Keys.** `surehold-{attempt}-{verb}`: every driver of an attempt, before or after a crash or a
//! restored backup, makes the same call under the same key, and two attempts never share one.
//! Stripe keeps keys for 24 hours (<https://docs.stripe.com/api/idempotent_requests>);
//! [`ProviderSettings::key_retention`] stays below that. It keeps its first reply under a key, "regardless
//! of whether it succeeds or fails", also a 500. A stored error never changes: the key is spent,
//! and the next key has a number, `surehold-{attempt}-{verb}-1`.
//!
//! **Cards, with an optional return page.** `allowed_payment_method_types[0]=card` rather than
//! `automatic_payment_methods`: the latter adds methods that cannot be confirmed without a
//! `return_url`. (`payment_method_types` is refused from version 2026-09-30.endive on; decision
//! 0020.) With a card the `return_url` is optional. If it is given, 3-D Secure is a page to
//! redirect to; otherwise Stripe's front-end code finishes it with the client secret
//! (<https://docs.stripe.com/api/payment_intents/confirm#confirm_payment_intent-return_url>).
//!
//! **What each reply proves** (<https://docs.stripe.com/error-low-level>,
//! <https://docs.stripe.com/error-codes>):
//!
//! | reply | outcome | reason |
//! |---|---|---|
//! | none: the circuit is open | not sent, Stripe was not called | |
//! | none: name unknown, connection refused, no connection or TLS in time | not sent | not a byte was written |
//! | connection broke, timeout, a reply that is incomplete, too long or unreadable | unknown | the call may have been carried out |
//! | 2xx with the object | object | |
//! | 2xx about another object | unknown | an intermediary mixed up two replies |
//! | 400, 404 `invalid_request_error` (`payment_intent_unexpected_state`, `charge_already_refunded`, ...) | refused, with the object where Stripe shows it | this call did nothing; an "already" may refer to an earlier call, so fetch |
//! | the same about the payment method | refused, because of the payment method | it depends on the payer, or belongs to another account |
//! | the same about anything else (`parameter_unknown`, ...) | refused, because of our request | neither the object's state nor the payer caused it |
//! | 402 `card_error` whose PaymentIntent needs another card | object, declined | that is the outcome of the payment |
//! | 402 `card_error` with a PaymentIntent in another state, or none | refused | the call failed, but not the payment |
//! | 400 `idempotency_error` | unknown, its key spent | the key was used for another call |
//! | 409 (`idempotency_key_in_use`, ...) | unknown | the other call may still be running |
//! | 429 (rate limit, `lock_timeout`) | not sent, after `Retry-After` | rejected before it began |
//! | 401, 403 in Stripe's form | not sent | a wrong key moves no money; correct the settings and continue |
//! | 5xx with `Idempotent-Replayed` | unknown, its key spent | Stripe stores it under the key and always returns it |
//! | other 5xx, 3xx, any other status, an error that is not in Stripe's form | unknown | "treat the result of a 500 as indeterminate" |
//!
//! Metadata: `operation` (payment), `attempt`, `booking`, `tenant`, `reference`, and for a refund
//! `refund`, `operation`, `attempt`, so that every later event can be assigned.
//!
//! What must never be done here: repeat a call that may have moved money, use Stripe's search (it
//! lags behind), or let a body into a log or an error's text (it holds client secrets).

mod client;
mod currency;
mod decline;
mod dispute;
mod event;
mod events;
mod form;
mod listing;
mod objects;
mod outcome;
mod refunds;
mod settings;
mod signature;

use std::sync::Arc;

use domain::{
    AttemptId, Money, Timestamp,
    provider::{CallOutcome, Observation, RefundObservation},
    rows::{FailureCause, PaymentMethod},
    time::Span,
};

use crate::{
    Adapter, CallFuture, Capabilities, Creation, EventContent, EventPage, Guard, ListedByTime, ListedPage,
    ListedRefund, MethodRules, ObjectCall, PaymentOrder, Provider, ProviderSettings, RefundOrder,
    VerifiedEvent, WebhookHead,
    exchange::segment,
    webhook::{MalformedEvent, WebhookRefused},
};
use client::StripeClient;
use form::Form;

/// "We remove idempotency keys … after they're at least 24 hours old"
/// (<https://docs.stripe.com/api/idempotent_requests>).
pub static ADAPTER: Adapter = Adapter {
    name: "stripe",
    base_url: "https://api.stripe.com",
    keys_kept: Span::seconds(24 * 3_600),
    check_keys: settings::check_keys,
    open: |settings, guard| Ok(Arc::new(Stripe::guarded(settings.clone(), guard)?)),
    amounts: currency::amounts,
    methods: MethodRules { pix: false, card_needs_brand: false, needs_payer: false, instalments_max: 1 },
    currency: None,
};

/// The events that a webhook endpoint for this adapter subscribes to, and that are read from the
/// list if a webhook was lost. Other events are stored and ignored; leaving them out saves traffic.
pub const EVENTS: &[&str] = &[
    "payment_intent.succeeded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// One account at Stripe.
pub struct Stripe {
    client: StripeClient,
    settings: ProviderSettings,
}

impl Stripe {
    /// Opens no connection. The error is a sentence that says what is wrong with the settings.
    pub fn new(settings: ProviderSettings) -> Result<Stripe, String> {
        Stripe::guarded(settings, &Guard::default())
    }

    /// As `new`, with a guard that is shared with the caller.
    pub fn guarded(settings: ProviderSettings, guard: &Guard) -> Result<Stripe, String> {
        ADAPTER.check(&settings)?;
        Ok(Stripe { client: StripeClient::new(&settings, guard)?, settings })
    }

    /// `verb` is an action of the PaymentIntent, such as `confirm`.
    async fn act(&self, action: ObjectCall<'_>, verb: &str, form: Form) -> CallOutcome<Observation> {
        let ObjectCall { attempt, key_number, object } = action;
        let path = format!("/v1/payment_intents/{}/{verb}", segment(object));
        let result = self.client.post(&path, form, &key(attempt, verb, key_number), object).await;
        outcome::payment(result, Some(object))
    }
}

fn key(attempt: AttemptId, verb: &str, number: i64) -> String {
    match number {
        0 => format!("surehold-{attempt}-{verb}"),
        number => format!("surehold-{attempt}-{verb}-{number}"),
    }
}

/// Refused here: Stripe has no such amount, and another amount must not be charged instead.
fn not_representable<O>() -> CallOutcome<O> {
    CallOutcome::Refused {
        code: "amount_not_representable".to_owned(),
        cause: FailureCause::NotSent,
        object: None,
    }
}

/// Without `confirm`, no money can move: only our own `confirm` by id moves it.
fn create_form(order: &PaymentOrder) -> Option<Form> {
    let ours = [
        ("operation", Some(order.operation.to_string())),
        ("attempt", Some(order.attempt.to_string())),
        ("tenant", Some(order.tenant.to_string())),
        ("booking", order.booking.map(|booking| booking.to_string())),
        ("reference", order.reference.clone()),
    ];
    let PaymentMethod::Card { token, .. } = &order.method else { return None };
    let form = Form::new()
        .with("amount", &currency::to_stripe(order.amount)?.to_string())
        .with("currency", &order.amount.currency.code().to_ascii_lowercase())
        .with("capture_method", order.capture.name())
        .with("payment_method", token)
        .with("allowed_payment_method_types[0]", "card")
        .with_metadata(&ours, &order.metadata);
    Some(form)
}

impl Provider for Stripe {
    fn name(&self) -> &'static str {
        ADAPTER.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            creation: Creation::TwoSteps,
            key_retention: self.settings.key_retention,
            refunds_carry_reference: true,
            listing: ListedByTime::Made,
        }
    }

    fn create<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Observation> {
        Box::pin(async move {
            let Some(form) = create_form(order) else { return not_representable() };
            let key = key(order.attempt, "create", order.key_number);
            let subject = order.operation.to_string();
            outcome::payment(self.client.post("/v1/payment_intents", form, &key, &subject).await, None)
        })
    }

    fn confirm<'a>(&'a self, order: &'a PaymentOrder, object: &'a str) -> CallFuture<'a, Observation> {
        let form = Form::new().with_some("return_url", order.return_url.as_deref());
        let action = ObjectCall { attempt: order.attempt, key_number: order.key_number, object };
        Box::pin(self.act(action, "confirm", form))
    }

    fn fetch<'a>(&'a self, object: &'a str) -> CallFuture<'a, Observation> {
        Box::pin(async move {
            let path = format!("/v1/payment_intents/{}", segment(object));
            outcome::payment(self.client.get(&path, object).await, Some(object))
        })
    }

    fn capture<'a>(&'a self, action: ObjectCall<'a>, amount: Money) -> CallFuture<'a, Observation> {
        Box::pin(async move {
            let Some(amount) = currency::to_stripe(amount) else { return not_representable() };
            let form = Form::new().with("amount_to_capture", &amount.to_string());
            self.act(action, "capture", form).await
        })
    }

    fn cancel<'a>(&'a self, action: ObjectCall<'a>) -> CallFuture<'a, Observation> {
        Box::pin(self.act(action, "cancel", Form::new()))
    }

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> CallFuture<'a, RefundObservation> {
        Box::pin(refunds::create(&self.client, refund))
    }

    fn refunds_of<'a>(&'a self, object: &'a str) -> CallFuture<'a, Vec<ListedRefund>> {
        Box::pin(refunds::list(&self.client, object))
    }

    fn fetch_refund<'a>(
        &'a self,
        _payment_object: &'a str,
        object: &'a str,
    ) -> CallFuture<'a, RefundObservation> {
        Box::pin(async move {
            let path = format!("/v1/refunds/{}", segment(object));
            outcome::refund(self.client.get(&path, object).await, Some(object))
        })
    }

    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, EventPage> {
        Box::pin(events::list(&self.client, self.settings.mode, from, before, page))
    }

    fn listed<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, ListedPage> {
        Box::pin(listing::page(&self.client, from, before, page))
    }

    fn check_head(&self, head: WebhookHead<'_>) -> Result<(), WebhookRefused> {
        signature::check_headers(head.headers)
    }

    fn verify(
        &self,
        head: WebhookHead<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<VerifiedEvent>, WebhookRefused> {
        let settings = &self.settings;
        signature::verify(head.headers, body, &settings.webhook_secrets, settings.webhook_tolerance, now)?;
        event::parse(body, settings.mode).map(|event| vec![event])
    }

    fn interpret(&self, body: &[u8]) -> Result<EventContent, MalformedEvent> {
        event::interpret(body)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::EVENTS;

    #[test]
    fn the_deployment_guide_lists_the_events_to_subscribe_to() {
        let guide = include_str!("../../../../docs/deploy.md");
        let (_, after) = guide.split_once("subscribe the endpoint to these events").unwrap();
        let listed = after.split("```").nth(1).unwrap().strip_prefix("text").unwrap();
        let listed: BTreeSet<&str> = listed.split_whitespace().collect();
        assert_eq!(listed, EVENTS.iter().copied().collect());
    }
}
