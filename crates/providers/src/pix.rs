//! Pix directly at a bank, by the central bank's *API Pix* 2.9
//! (<https://github.com/bacen/pix-api>): one charge (`cob`) per payment of ours.
//!
//! **One step.** Creating a charge moves no money, and yet nothing of ours comes between it and the
//! money: from then on the customer can pay it. So it is one step: the attempt is committed as sent
//! before the call, and the charge is found by our reference. A second step could only repeat the first.
//!
//! **Our id is the key.** A charge has the `txid` that we choose, made from the payment's id, and a
//! return has the id that we choose, made from the refund's ([`ids`]). Either is our reference and the
//! idempotency id at once: an object whose reply was lost is looked up by its id, and the same call
//! again makes no second object.
//!
//! **What each reply proves.** Errors are problems of RFC 7807, whose `type` names them:
//!
//! | reply | outcome | reason |
//! |---|---|---|
//! | none: not a byte was written, no token, or the circuit is open | not sent | |
//! | connection broke, timeout, a reply that is incomplete, too long or unreadable | unknown | the call may have been carried out |
//! | 200, 201 with the object | object | |
//! | 200, 201 about another object | unknown | an intermediary mixed up two replies |
//! | 400, 422 with a `type` | looked up by our id, and only then refused | an earlier call may have made it: a charge that is not `ATIVA` is not made again, and some banks refuse the id of a return that they know |
//! | 404 with a `type` | refused: there is no such object | |
//! | 401 with a `type` or `WWW-Authenticate` | once more with another token, then not sent | a wrong token moves no money |
//! | any other 401 | once more with another token, then unknown | our ids make the repetition harmless |
//! | 403 with a `type`, 429 | not sent, after `Retry-After` | rejected before it began |
//! | 5xx, 3xx, any other status, an error without a `type` | unknown | |
//!
//! **Time.** The bank does not end a charge whose time is over ([`cob`]), so whoever reads
//! [`Capabilities::ends_expired_objects`] removes it.
//!
//! **Webhooks** prove nothing, because the certificate that proves them ends at the proxy in front
//! ([`webhook`]): each Pix that they name is fetched.
//!
//! **Refunds** are returns of one Pix. What the customer's bank takes by the central bank's special
//! mechanism (MED) is a dispute.
//!
//! **Credentials** are a client's id and secret, for which the bank issues tokens ([`token`]), and a
//! client certificate ([`crate::WireSettings::identity`]).
//!
//! Charges with a due date (`cobv`), recurring ones, and withdrawals in cash are not made.
//!
//! What must never be done here: believe the body of a webhook, compute with a floating-point amount,
//! read a clock to end a charge, or let a token or a body into a log or an error's text.

mod amount;
mod charges;
mod client;
mod cob;
mod events;
mod ids;
mod outcome;
mod registration;
mod returns;
mod settings;
mod token;
mod webhook;

use std::sync::Arc;

use domain::{
    Currency, Money, Timestamp,
    provider::{Observation, RefundObservation},
    time::Span,
};

use crate::{
    Adapter, CallFuture, Capabilities, Creation, EventContent, EventPage, Guard, ListedObjects, ListedRefund,
    MethodRules, ObjectCall, PaymentOrder, Payouts, PixRules, Provider, ProviderSettings, RefundOrder,
    VerifiedEvent, WebhookHead,
    webhook::{MalformedEvent, WebhookRefused},
};
use charges::Charges;
pub use registration::register_webhook;
pub use settings::{PixAccount, PixReceiver};

/// An id of ours stays the id of its object. After a month a person decides all the same.
pub static ADAPTER: Adapter = Adapter {
    name: "pix",
    base_url: "",
    keys_kept: Span::seconds(30 * 86_400),
    check_keys: settings::check_keys,
    open: |settings, guard| Ok(Arc::new(PixBank::guarded(settings.clone(), guard)?)),
    amounts: amount::amounts,
    methods: MethodRules {
        cards: false,
        pix: Some(PixRules { seconds_min: 60, seconds_max: 30 * 86_400, needs_tax_id: false }),
        payment_form: false,
        checkout_page: false,
        card_needs_brand: false,
        needs_payer: false,
        instalments_max: 1,
        saved_methods: false,
    },
    // The central bank's API has no disputes.
    dispute_evidence: false,
    apis: &[],
    captures_parts: |_| true,
    payouts: Payouts::None,
    currency: Some(Currency::BRL),
};

/// One account at a bank.
pub struct PixBank {
    charges: Charges,
    settings: ProviderSettings,
}

impl PixBank {
    /// Opens no connection. The error is a sentence that says what is wrong with the settings.
    pub fn guarded(settings: ProviderSettings, guard: &Guard) -> Result<PixBank, String> {
        ADAPTER.check(&settings)?;
        Ok(PixBank { charges: Charges::new(&settings, guard)?, settings })
    }
}

impl Provider for PixBank {
    fn name(&self) -> &'static str {
        ADAPTER.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            creation: Creation::OneStep,
            key_retention: self.settings.key_retention,
            refunds_carry_reference: true,
            listing: ListedObjects::Nothing,
            ends_expired_objects: false,
            payouts: ADAPTER.payouts,
            saved_methods: ADAPTER.methods.saved_methods,
        }
    }

    fn create<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Observation> {
        Box::pin(self.charges.create(order))
    }

    fn find<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Option<Observation>> {
        Box::pin(self.charges.find(order.operation))
    }

    fn fetch<'a>(&'a self, object: &'a str) -> CallFuture<'a, Observation> {
        Box::pin(self.charges.fetch(object))
    }

    /// Pix reserves no money.
    fn capture<'a>(&'a self, _action: ObjectCall<'a>, _amount: Money) -> CallFuture<'a, Observation> {
        crate::port::not_offered()
    }

    fn cancel<'a>(&'a self, action: ObjectCall<'a>) -> CallFuture<'a, Observation> {
        Box::pin(self.charges.cancel(action))
    }

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> CallFuture<'a, RefundObservation> {
        Box::pin(self.charges.refund(refund))
    }

    fn refunds_of<'a>(&'a self, object: &'a str) -> CallFuture<'a, Vec<ListedRefund>> {
        Box::pin(self.charges.refunds_of(object))
    }

    fn fetch_refund<'a>(&'a self, _payment: &'a str, object: &'a str) -> CallFuture<'a, RefundObservation> {
        Box::pin(self.charges.fetch_refund(object))
    }

    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, EventPage> {
        Box::pin(self.charges.listed(from, before, page))
    }

    fn fetch_events<'a>(&'a self, object: &'a str) -> CallFuture<'a, Vec<VerifiedEvent>> {
        Box::pin(self.charges.events_of(object))
    }

    fn check_head(&self, head: WebhookHead<'_>) -> Result<(), WebhookRefused> {
        webhook::check_secret(head, &self.settings.webhook_secrets)
    }

    fn verify(
        &self,
        head: WebhookHead<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<VerifiedEvent>, WebhookRefused> {
        webhook::check_secret(head, &self.settings.webhook_secrets)?;
        webhook::delivered(body, now)
    }

    fn interpret(&self, body: &[u8]) -> Result<EventContent, MalformedEvent> {
        webhook::interpret(body, &self.charges.account.receiver)
    }
}
