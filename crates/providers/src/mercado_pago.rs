//! Mercado Pago, <https://www.mercadopago.com.br/developers/en/reference>: one payment of
//! `/v1/payments` or one order of `/v1/orders` per payment of ours, created in one step.
//!
//! **Two APIs.** The account's settings choose by which one new payments are made ([`api`]). [`orders`] says what
//! differs; the id of an object says which it is of. The search of payments shows the payment of an order too,
//! under another id: it leads to its order, which is the object that we know.
//!
//! **One step.** A created payment moves money at once, or waits for the customer (Pix). So the
//! attempt is committed as sent before the call, the call carries our payment's id as
//! `external_reference`, and a payment whose reply was lost is found by it.
//!
//! **Keys.** `X-Idempotency-Key` is a UUID made from the attempt, the verb and the key's number: every
//! driver of an attempt makes the same call under the same key, before or after a crash. Neither how
//! long a key is kept nor whether an error is stored under it is documented: a call is repeated for
//! less than a day ([`ProviderSettings::key_retention`]), and no key counts as spent.
//!
//! **Pages.** A payment on Mercado Pago's page (Checkout Pro) is a preference until money moves, and then the
//! payment that moved it ([`preferences`]).
//!
//! **One currency.** A payment is made in the currency of the account's country; the wire has no other.
//! An amount in another currency is refused here ([`ProviderSettings::currency`]).
//!
//! **What each reply proves.** The status codes are those of the official SDKs:
//!
//! | reply | outcome | reason |
//! |---|---|---|
//! | none: not a byte was written, or the circuit is open | not sent | |
//! | connection broke, timeout, a reply that is incomplete, too long or unreadable | unknown | the call may have been carried out |
//! | 200, 201 with the payment or the refund | object; a `rejected` payment has failed for good | |
//! | 200, 201 about another payment or refund | unknown | an intermediary mixed up two replies |
//! | 400, 404, 422 about the card's token, its brand or its instalments | refused, because of the payment method | |
//! | 400, 404, 422 about the payment's state, its amount or the account's balance | refused | this call did nothing |
//! | 400, 404, 422 because the same call was made a moment ago, or because a service behind did not answer | unknown | a call may have been carried out |
//! | 400, 404, 422 about anything else | refused, because of our request | |
//! | 401, 403 in Mercado Pago's form | not sent | a wrong token moves no money; correct the settings and continue |
//! | 402 with an order | object; the order has failed for good | |
//! | 409 because of an order's status | refused | this call did nothing |
//! | 409 because of anything else | unknown | the key, or the payment, is used by another call |
//! | 423, 424 | unknown | the key is locked, or a service behind has no answer: a call may still be running |
//! | 429 | not sent, after `Retry-After` | rejected before it began |
//! | 5xx, 3xx, any other status, an error that is not in Mercado Pago's form | unknown | |
//!
//! **Webhooks** sign the query's `data.id`, the request id and the time, and nothing of the body
//! ([`signature`]). So a delivery proves only that an object changed; the object is fetched.
//!
//! **Lost webhooks.** There is no list of events: the search over the time of the last change shows
//! the payments that changed ([`events`]).
//!
//! **Refunds** carry no reference of ours: a refund whose reply was lost is sent again under its key,
//! and past the key's retention a person decides.
//!
//! **Chargebacks** are disputes ([`chargebacks`]). A delivery names one, and a payment that was charged back
//! leads to its chargebacks. Documentation for them is files, which a person sends in the dashboard.
//!
//! What must never be done here: use the body of a webhook, compute with a floating-point amount, or
//! let a body into a log or an error's text (it holds the payer's data).

mod api;
mod chargebacks;
mod client;
mod decimal;
mod decline;
mod events;
mod fees;
mod listing;
mod objects;
mod order_body;
mod order_objects;
mod orders;
mod outcome;
mod payment_body;
mod payments;
mod preferences;
mod refunds;
mod settings;
mod signature;
mod webhook;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::{
    AttemptId, Currency, Money, Timestamp,
    provider::{Observation, RefundObservation},
    rows::PaymentMethod,
    time::Span,
};
use uuid::Uuid;

use crate::{
    Adapter, CallFuture, Capabilities, Creation, EventContent, EventPage, Guard, ListedObjects, ListedPage,
    ListedRefund, MethodRules, ObjectCall, PaymentOrder, Payouts, PixRules, Provider, ProviderSettings,
    RefundOrder, VerifiedEvent, WebhookHead,
    webhook::{MalformedEvent, WebhookRefused},
};
use payments::Payments;

/// Mercado Pago does not document how long it keeps a key. A key protects a call here for less than a
/// day, as at other providers.
pub static ADAPTER: Adapter = Adapter {
    name: "mercado_pago",
    base_url: "https://api.mercadopago.com",
    keys_kept: Span::seconds(24 * 3_600),
    check_keys: settings::check_keys,
    open: |settings, guard| Ok(Arc::new(MercadoPago::guarded(settings.clone(), guard)?)),
    amounts: decimal::amounts,
    methods: MethodRules {
        cards: true,
        pix: Some(PixRules { seconds_min: 1_800, seconds_max: 30 * 86_400, needs_tax_id: false }),
        payment_form: false,
        checkout_page: true,
        card_needs_brand: true,
        needs_payer: true,
        instalments_max: 24,
        saved_methods: false,
    },
    // `POST /v1/chargebacks/{id}/documentation` takes pictures and PDF only, no text.
    dispute_evidence: false,
    apis: &api::NAMES,
    captures_parts: |object| !objects::is_order(object),
    payouts: Payouts::None,
    currency: Some(Currency::BRL),
};

/// One account at Mercado Pago.
pub struct MercadoPago {
    payments: Payments,
    settings: ProviderSettings,
}

impl MercadoPago {
    /// Opens no connection. The error is a sentence that says what is wrong with the settings.
    pub fn guarded(settings: ProviderSettings, guard: &Guard) -> Result<MercadoPago, String> {
        ADAPTER.check(&settings)?;
        Ok(MercadoPago { payments: Payments::new(&settings, guard)?, settings })
    }
}

/// The same for each driver of an attempt. The provider's documents ask for a UUID.
fn key(attempt: AttemptId, verb: &str, number: i64) -> Uuid {
    if fault_injection::is(fault_injection::InjectedFault::OneStepKeyNotKept) {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        return Uuid::new_v5(&attempt.0, format!("{verb}/{number}/{call}").as_bytes());
    }
    Uuid::new_v5(&attempt.0, format!("{verb}/{number}").as_bytes())
}

impl Provider for MercadoPago {
    fn name(&self) -> &'static str {
        ADAPTER.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            creation: Creation::OneStep,
            key_retention: self.settings.key_retention,
            refunds_carry_reference: false,
            listing: ListedObjects::MadeAndChanged,
            ends_expired_objects: true,
            payouts: ADAPTER.payouts,
            saved_methods: ADAPTER.methods.saved_methods,
        }
    }

    fn create<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Observation> {
        Box::pin(self.payments.create(order))
    }

    fn api(&self, method: &PaymentMethod) -> Option<&'static str> {
        Some(api::Api::chosen(&self.settings, method).name())
    }

    fn find<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Option<Observation>> {
        Box::pin(self.payments.find(order))
    }

    fn fetch<'a>(&'a self, object: &'a str) -> CallFuture<'a, Observation> {
        Box::pin(self.payments.fetch(object))
    }

    fn capture<'a>(&'a self, action: ObjectCall<'a>, amount: Money) -> CallFuture<'a, Observation> {
        Box::pin(self.payments.capture(action, amount))
    }

    fn cancel<'a>(&'a self, action: ObjectCall<'a>) -> CallFuture<'a, Observation> {
        Box::pin(self.payments.cancel(action))
    }

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> CallFuture<'a, RefundObservation> {
        Box::pin(self.payments.refund(refund))
    }

    fn refunds_of<'a>(&'a self, object: &'a str) -> CallFuture<'a, Vec<ListedRefund>> {
        Box::pin(self.payments.refunds_of(object))
    }

    fn fetch_refund<'a>(&'a self, payment: &'a str, object: &'a str) -> CallFuture<'a, RefundObservation> {
        Box::pin(self.payments.fetch_refund(payment, object))
    }

    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, EventPage> {
        Box::pin(self.payments.changed(from, before, page))
    }

    fn fetch_events<'a>(&'a self, object: &'a str) -> CallFuture<'a, Vec<VerifiedEvent>> {
        Box::pin(async move {
            match webhook::chargeback_to_fetch(object) {
                Some(chargeback) => self.payments.events_of_chargeback(chargeback).await,
                None => self.payments.events_of(object).await,
            }
        })
    }

    fn listed<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, ListedPage> {
        Box::pin(self.payments.listed(from, before, page))
    }

    fn check_head(&self, head: WebhookHead<'_>) -> Result<(), WebhookRefused> {
        signature::check_head(head)
    }

    fn verify(
        &self,
        head: WebhookHead<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<VerifiedEvent>, WebhookRefused> {
        let settings = &self.settings;
        let signed = signature::verify(head, &settings.webhook_secrets, settings.webhook_tolerance, now)?;
        if fault_injection::is(fault_injection::InjectedFault::NotificationNamedByBody) {
            return Ok(vec![webhook::event_named_by(body, &signed)]);
        }
        Ok(vec![webhook::event(&signed)])
    }

    fn interpret(&self, body: &[u8]) -> Result<EventContent, MalformedEvent> {
        webhook::interpret(body)
    }
}
