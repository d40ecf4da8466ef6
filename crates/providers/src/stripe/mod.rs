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
//! **Pix**, <https://docs.stripe.com/payments/pix/accept-a-payment>: the payer's name and taxpayer's number
//! are sent with the create, and the confirm begins the time in which the code can be paid. An expired
//! code leaves the PaymentIntent in `requires_payment_method`, as a decline does.
//!
//! **The payment form** (Payment Element, <https://docs.stripe.com/payments/payment-element>): the object
//! takes every method that the account has activated, and the customer's browser confirms it with the
//! client secret. `metadata[confirmed_by]` is `customer`, so that every later reply and event shows that
//! the object waits for the customer.
//!
//! **Saved payment methods**, <https://docs.stripe.com/payments/save-during-payment>: a PaymentIntent with
//! `customer` and `setup_future_usage=off_session` attaches its payment method to the Customer once it has
//! paid. Later it is charged with `customer`, and `off_session=true` at the confirm: a bank that requires
//! authentication then declines with `authentication_required`. The Customer's key is
//! `surehold-{id of our row}-customer-{its version}-{number}`. Only a committed Customer is ever used. A reply that is
//! lost for longer than Stripe keeps keys leaves a second Customer there: it is empty, and moves no money.
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
//! A transfer that is refused with `balance_insufficient` is tried again later, under the next key. A reversal
//! (`surehold-{payout}-reversal-{its number}`) carries its number in `metadata[surehold_reversal]`.
//!
//! Metadata: `operation` (payment), `attempt`, `booking`, `tenant`, `reference`, and for a refund
//! `refund`, `operation`, `attempt`, for a transfer `surehold_payout`, `booking`, `beneficiary`, `tenant`,
//! so that every later event can be assigned.
//!
//! What must never be done here: repeat a call that may have moved money, use Stripe's search (it
//! lags behind), or let a body into a log or an error's text (it holds client secrets).

mod client;
mod currency;
mod customers;
mod decline;
mod dispute;
mod event;
mod event_kinds;
mod events;
mod form;
mod listing;
mod methods;
mod objects;
mod order;
mod outcome;
mod refunds;
mod settings;
mod signature;
mod transfers;

use std::sync::Arc;

use domain::{
    AttemptId, BookingId, Money, Timestamp,
    provider::{
        CallOutcome, DisputeObservation, Observation, RefundObservation, TransferAnswer, TransferObservation,
    },
    rows::FailureCause,
    time::Span,
};

use crate::{
    Adapter, CallFuture, Capabilities, Creation, CustomerOrder, EventContent, EventPage, EvidenceOrder,
    Guard, ListedObjects, ListedPage, ListedRefund, ListedTransfer, MethodRules, ObjectCall, PaymentOrder,
    Payouts, PixRules, Provider, ProviderSettings, RefundOrder, SavedMethod, SavedMethods, TransferOrder,
    TransferReversalOrder, VerifiedEvent, WebhookHead,
    exchange::segment,
    webhook::{MalformedEvent, WebhookRefused},
};
use client::StripeClient;
pub use event_kinds::EVENTS;
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
    methods: MethodRules {
        cards: true,
        pix: Some(PixRules { seconds_min: 60, seconds_max: 1_209_600, needs_tax_id: true }),
        payment_form: true,
        checkout_page: false,
        card_needs_brand: false,
        needs_payer: false,
        instalments_max: 1,
        saved_methods: true,
    },
    dispute_evidence: true,
    apis: &[],
    captures_parts: |_| true,
    payouts: Payouts::Transfers,
    currency: None,
};

/// The charge shows until when its money can be captured.
const EXPANDED: &str = "latest_charge";

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

/// Refused here. `code` is the reason.
fn never_sent<O>(code: &str) -> CallOutcome<O> {
    CallOutcome::Refused { code: code.to_owned(), cause: FailureCause::NotSent, object: None }
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
            listing: ListedObjects::Made,
            ends_expired_objects: true,
            payouts: ADAPTER.payouts,
            saved_methods: ADAPTER.methods.saved_methods,
        }
    }

    fn create<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Observation> {
        Box::pin(async move {
            let form = match order::create_form(order) {
                Ok(form) => form,
                Err(code) => return never_sent(code),
            };
            let key = key(order.attempt, "create", order.key_number);
            let subject = order.operation.to_string();
            outcome::payment(self.client.post("/v1/payment_intents", form, &key, &subject).await, None)
        })
    }

    fn create_customer<'a>(&'a self, order: &'a CustomerOrder) -> CallFuture<'a, String> {
        Box::pin(customers::create(&self.client, order))
    }

    fn saved_methods<'a>(&'a self, customer: &'a str) -> CallFuture<'a, SavedMethods> {
        Box::pin(methods::list(&self.client, customer))
    }

    fn saved_method<'a>(&'a self, object: &'a str) -> CallFuture<'a, Option<SavedMethod>> {
        Box::pin(methods::fetch(&self.client, object))
    }

    fn detach_method<'a>(&'a self, action: ObjectCall<'a>) -> CallFuture<'a, SavedMethod> {
        Box::pin(methods::detach(&self.client, action))
    }

    fn confirm<'a>(&'a self, order: &'a PaymentOrder, object: &'a str) -> CallFuture<'a, Observation> {
        let form = Form::new()
            .with("expand[0]", EXPANDED)
            .with_some("return_url", order.return_url.as_deref())
            .with_some("off_session", order.off_session.then_some("true"));
        let action = ObjectCall { attempt: order.attempt, key_number: order.key_number, object };
        Box::pin(self.act(action, "confirm", form))
    }

    fn fetch<'a>(&'a self, object: &'a str) -> CallFuture<'a, Observation> {
        Box::pin(async move {
            let path = format!("/v1/payment_intents/{}?expand[]={EXPANDED}", segment(object));
            outcome::payment(self.client.get(&path, object).await, Some(object))
        })
    }

    fn capture<'a>(&'a self, action: ObjectCall<'a>, amount: Money) -> CallFuture<'a, Observation> {
        Box::pin(async move {
            let Some(amount) = currency::to_stripe(amount) else {
                return never_sent(order::NOT_REPRESENTABLE);
            };
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

    fn submit_evidence<'a>(&'a self, order: &'a EvidenceOrder) -> CallFuture<'a, DisputeObservation> {
        Box::pin(dispute::submit(&self.client, order))
    }

    fn fetch_dispute<'a>(&'a self, object: &'a str) -> CallFuture<'a, DisputeObservation> {
        Box::pin(dispute::fetch(&self.client, object))
    }

    fn transfer<'a>(&'a self, order: &'a TransferOrder) -> CallFuture<'a, TransferAnswer> {
        Box::pin(transfers::create(&self.client, order))
    }

    fn transfers_of(&self, booking: BookingId) -> CallFuture<'_, Vec<ListedTransfer>> {
        Box::pin(transfers::list(&self.client, booking))
    }

    fn reverse_transfer<'a>(&'a self, order: &'a TransferReversalOrder) -> CallFuture<'a, String> {
        Box::pin(transfers::reverse(&self.client, order))
    }

    fn fetch_transfer<'a>(&'a self, object: &'a str) -> CallFuture<'a, TransferObservation> {
        Box::pin(transfers::fetch(&self.client, object))
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
