//! Payments, the attempts that move their money, and refunds.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::ids::{
    AccountId, AttemptId, BookingId, ClientId, CustomerId, KeyId, PaymentId, RefundId, TenantId,
};
use crate::lifecycle::{CurrentState, attempt, payment, refund};
use crate::money::{Currency, Money};
use crate::rows::{Account, CHECKOUT_PAGE, MANUAL, PAYMENT_FORM, Payer, PaymentMethod, PaymentRoute};
use crate::time::Timestamp;
use crate::working_set::{Claim, Json};

/// When authorised money is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    #[default]
    Automatic,
    Manual,
}

impl Capture {
    pub fn name(&self) -> &'static str {
        match self {
            Capture::Automatic => "automatic",
            Capture::Manual => "manual",
        }
    }
    pub fn from_name(name: &str) -> Option<Capture> {
        [Capture::Automatic, Capture::Manual].into_iter().find(|capture| capture.name() == name)
    }
}
crate::named_column!(Capture);

/// What the customer must do before the payment can continue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NextAction {
    /// The customer's browser must open this URL (3-D Secure, for example).
    Redirect { url: String },
    /// The provider's own front-end code must finish it.
    UseProviderSdk { client_secret: Option<String> },
    /// Pay this Pix code in the application of the customer's bank, until then.
    PayPix { code: String, expires_at: Timestamp },
    /// Pay the voucher on this page at a bank or a shop, until then. The secret opens the provider's form again,
    /// for another try.
    PayVoucher { url: String, number: Option<String>, expires_at: Timestamp, client_secret: Option<String> },
}

/// Why no money moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Such as the provider's `card_declined` or `insufficient_funds`.
    pub code: String,
    /// Whether a new payment may succeed, with the same or another card.
    pub retryable: bool,
    #[serde(default)]
    pub cause: FailureCause,
}

/// The cause of a failure. Only a decline of the provider is reported as a decline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The provider, or the customer's bank, declined.
    #[default]
    Declined,
    /// The provider does not know the payment method, or does not take it.
    PaymentMethod,
    /// The provider refused our request as faulty.
    OurRequest,
    /// Nothing was sent.
    NotSent,
}

impl Failure {
    /// Nothing was sent. `code` is the reason.
    pub fn not_sent(code: &str, retryable: bool) -> Failure {
        Failure { code: code.into(), retryable, cause: FailureCause::NotSent }
    }
}

crate::row! {
    Payment in "payments" as lock, side_effects crate::side_effects::of_payment {
        key id: PaymentId,
        fixed tenant: TenantId,
        fixed client: ClientId,
        fixed booking: Option<BookingId>,
        fixed account: AccountId,
        fixed provider: String,
        fixed amount_minor: i64,
        fixed currency: Currency,
        fixed capture: Capture,
        /// A provider's token, never a card number; or [`PIX`](super::PIX), [`PAYMENT_FORM`] or
        /// [`CHECKOUT_PAGE`].
        fixed payment_method: String,
        /// The card's brand, by the provider's name for it.
        fixed brand: Option<String>,
        fixed instalments: i64,
        fixed payer: Option<Json<Payer>>,
        /// How long the customer may pay, with a method that the customer completes.
        fixed pay_until: Option<Timestamp>,
        /// Where the charge is tried next, in this order, if it is declined here.
        fixed alternatives: Option<Json<Vec<PaymentRoute>>>,
        /// The payment that was declined before this one was tried.
        fixed continues: Option<PaymentId>,
        /// The payment at the next account, after this one was declined.
        moves continued_by: Option<PaymentId>,
        fixed reference: Option<String>,
        fixed return_url: Option<String>,
        fixed metadata: Json<BTreeMap<String, String>>,
        /// The idempotency key of its request.
        fixed key: Option<KeyId>,
        guard state: CurrentState<payment::State>,
        guard seq: i64,
        /// The provider's object, committed before it is confirmed.
        moves provider_ref: Option<String>,
        moves authorized_minor: i64,
        moves captured_minor: i64,
        /// The sum of the refunds under way. It counts against the refundable amount.
        moves refunding_minor: i64,
        moves refunded_minor: i64,
        /// Booked to suspense: the provider captured it and contradicted our books.
        moves suspended_minor: i64,
        /// Withdrawn by the customer's bank, less what was reinstated.
        moves disputed_minor: i64,
        /// Disputes in which the bank has not decided. Meanwhile no money may be sent back by a refund.
        moves open_disputes: i64,
        /// Disputes whose money is not yet where the bank's decision puts it. Meanwhile no funds are released.
        moves unsettled_disputes: i64,
        /// What the provider kept of it, with what it gave back taken off.
        moves provider_fee_minor: i64,
        /// That of the first fee: the currency in which the account is paid out.
        moves provider_fee_currency: Option<Currency>,
        moves refunds: i64,
        moves next_action: Option<Json<NextAction>>,
        moves failure: Option<Json<Failure>>,
        /// The capture or void under way. There is only one at a time.
        moves active: Option<AttemptId>,
        /// The amount of the capture under way.
        moves capturing_minor: Option<i64>,
        /// A void was requested: a charge that was not sent yet must not be sent.
        moves void_requested: bool,
        /// Whether a verified webhook or a fetched object has shown the present state.
        moves evidenced: bool,
        /// When the provider last contradicted our books. A person decides. Operations that were
        /// under way then only fetch, and send no call that moves money.
        moves contradicted_at: Option<Timestamp>,
        /// What the booking has counted of this payment so far, so that repeated evidence counts once.
        moves booked_authorized_minor: i64,
        moves booked_paid_minor: i64,
        moves booked_refunded_minor: i64,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
        /// Until when the provider keeps the authorisation, once it is known.
        moves capture_before: Option<Timestamp>,
        /// When the authorisation is checked next.
        moves authorization_due_at: Option<Timestamp>,
        /// The tenant was warned that the authorisation expires.
        moves expiry_warned: bool,
        /// Whose saved payment methods it may use or add to.
        fixed customer: Option<CustomerId>,
        /// The payment method is saved for the customer once it has paid.
        fixed saves_method: bool,
        /// The customer is absent, and cannot authenticate.
        fixed off_session: bool,
        /// The provider's id of the payment method that was saved.
        moves saved_method: Option<String>,
        /// The incoming payments whose sum counts as captured, if the provider's object can have several. Money
        /// of another one is in suspense.
        moves counted_incoming: Option<Json<Vec<String>>>,
    }
}

impl Payment {
    /// A payment for an amount, before anything is known of how it is paid.
    pub fn new(id: PaymentId, claim: &Claim, account: &Account, amount: Money, now: Timestamp) -> Payment {
        Payment {
            id,
            tenant: claim.tenant,
            client: claim.client,
            booking: None,
            account: account.id,
            provider: account.provider.clone(),
            amount_minor: amount.minor,
            currency: amount.currency,
            capture: Capture::Automatic,
            payment_method: String::new(),
            brand: None,
            instalments: 1,
            payer: None,
            pay_until: None,
            alternatives: None,
            continues: None,
            continued_by: None,
            reference: None,
            return_url: None,
            metadata: Json::default(),
            key: Some(claim.key),
            state: CurrentState::start(),
            seq: 0,
            provider_ref: None,
            authorized_minor: 0,
            captured_minor: 0,
            refunding_minor: 0,
            refunded_minor: 0,
            suspended_minor: 0,
            disputed_minor: 0,
            open_disputes: 0,
            unsettled_disputes: 0,
            provider_fee_minor: 0,
            provider_fee_currency: None,
            refunds: 0,
            next_action: None,
            failure: None,
            active: None,
            capturing_minor: None,
            void_requested: false,
            evidenced: false,
            contradicted_at: None,
            booked_authorized_minor: 0,
            booked_paid_minor: 0,
            booked_refunded_minor: 0,
            created_at: now,
            updated_at: now,
            capture_before: None,
            authorization_due_at: None,
            expiry_warned: false,
            customer: None,
            saves_method: false,
            off_session: false,
            saved_method: None,
            counted_incoming: None,
        }
    }

    /// Whether a person received the money and recorded it, without a provider.
    pub fn is_manual(&self) -> bool {
        self.provider == MANUAL
    }

    pub fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }

    pub fn method(&self) -> PaymentMethod {
        match self.pay_until {
            Some(pay_until) if self.is_paid_on_page() => {
                PaymentMethod::Page { pay_until, instalments: self.instalments }
            }
            Some(pay_until) if self.is_confirmed_by_customer() => PaymentMethod::Form { pay_until },
            Some(pay_until) => PaymentMethod::Pix { pay_until, pay_within: pay_until.since(self.created_at) },
            None => PaymentMethod::Card {
                token: self.payment_method.clone(),
                brand: self.brand.clone(),
                instalments: self.instalments,
            },
        }
    }

    /// The next account for a charge that is declined here.
    pub fn next_route(&self) -> Option<&PaymentRoute> {
        self.alternatives.as_ref()?.0.first()
    }

    /// The same payment at its next account.
    pub fn continued(&self, id: PaymentId, route: PaymentRoute, now: Timestamp) -> Payment {
        let rest = self.alternatives.iter().flat_map(|list| &list.0).skip(1).cloned();
        let rest: Vec<PaymentRoute> = rest.collect();
        Payment {
            id,
            account: route.account,
            provider: route.provider,
            payment_method: route.payment_method,
            brand: route.brand,
            pay_until: self.pay_until.map(|until| now.plus(until.since(self.created_at))),
            alternatives: (!rest.is_empty()).then_some(Json(rest)),
            continues: Some(self.id),
            continued_by: None,
            state: CurrentState::start(),
            seq: 0,
            provider_ref: None,
            next_action: None,
            failure: None,
            evidenced: false,
            saved_method: None,
            created_at: now,
            updated_at: now,
            ..self.clone()
        }
    }

    /// The customer confirms it at the provider, and may try again after a decline.
    pub fn is_confirmed_by_customer(&self) -> bool {
        self.payment_method == PAYMENT_FORM || self.is_paid_on_page()
    }

    /// The customer pays it on a page of the provider. Until money moves, its object is the page.
    pub fn is_paid_on_page(&self) -> bool {
        self.payment_method == CHECKOUT_PAGE
    }

    /// Until when the customer may complete it, where the customer does: as the provider says, or else as
    /// the order did.
    pub fn payable_until(&self) -> Option<Timestamp> {
        match &self.next_action {
            Some(Json(NextAction::PayPix { expires_at, .. })) => Some(*expires_at),
            _ => self.pay_until,
        }
    }

    /// The amount that can still be refunded.
    pub fn refundable_minor(&self) -> i64 {
        (self.captured_minor - self.refunded_minor - self.refunding_minor - self.disputed_minor).max(0)
    }

    /// Whether the bank is deciding about money of this payment, so that a refund could give it back twice.
    pub fn refunds_are_blocked(&self) -> bool {
        self.open_disputes > 0
            && !fault_injection::is(fault_injection::InjectedFault::RefundOfDisputedPayment)
    }

    /// Whether the provider captured another amount than this attempt requested, which is in suspense.
    pub fn was_captured_otherwise(&self, attempt: AttemptId) -> bool {
        let captures = self.active == Some(attempt) && self.capturing_minor.is_some();
        let possible = (1..=self.amount_minor).contains(&self.suspended_minor);
        captures && possible && self.state.is(payment::State::Authorized)
    }

    /// The capture or void has ended.
    pub fn end_attempt(&mut self, attempt: AttemptId) {
        if self.active == Some(attempt) {
            self.active = None;
            self.capturing_minor = None;
        }
    }

    /// Reserves the amount of a refund under way.
    pub fn reserve_refund(&mut self, amount_minor: i64) {
        if !fault_injection::is(fault_injection::InjectedFault::RefundWithoutGuard) {
            self.refunding_minor += amount_minor;
        }
    }

    /// The refund has ended.
    pub fn release_refund(&mut self, amount_minor: i64) {
        if !fault_injection::is(fault_injection::InjectedFault::RefundWithoutGuard) {
            self.refunding_minor -= amount_minor;
        }
    }
}

/// What an attempt does at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptKind {
    Charge,
    Capture,
    Void,
    Refund,
}

impl AttemptKind {
    pub const ALL: [AttemptKind; 4] =
        [AttemptKind::Charge, AttemptKind::Capture, AttemptKind::Void, AttemptKind::Refund];

    pub fn name(&self) -> &'static str {
        match self {
            AttemptKind::Charge => "charge",
            AttemptKind::Capture => "capture",
            AttemptKind::Void => "void",
            AttemptKind::Refund => "refund",
        }
    }
    pub fn from_name(name: &str) -> Option<AttemptKind> {
        AttemptKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
crate::named_column!(AttemptKind);

crate::row! {
    /// One call that moves money, or voids an authorisation. Its job has the same id. The
    /// provider's idempotency keys are made from the id.
    Attempt in "attempts" as lock, side_effects crate::side_effects::of_attempt {
        key id: AttemptId,
        fixed tenant: TenantId,
        fixed payment: PaymentId,
        fixed refund: Option<RefundId>,
        fixed kind: AttemptKind,
        fixed amount_minor: i64,
        /// The idempotency key to answer when the outcome is known.
        fixed key: Option<KeyId>,
        guard state: CurrentState<attempt::State>,
        /// The number of the provider's idempotency key, from 0. The provider stores its first
        /// reply under a key, also an error of its own: after such an error the next call is sent
        /// under another key.
        moves key_number: i64,
        /// When the provider replied with such an error under the key before this one.
        moves key_spent_at: Option<Timestamp>,
        /// When it was first sent under its present key.
        moves sent_at: Option<Timestamp>,
        /// The provider's API that a charge was first sent to, where the provider has several. It is repeated
        /// and looked for there, whatever the account is set to since.
        moves provider_api: Option<String>,
        /// After it an unknown outcome becomes a review case.
        fixed deadline_at: Timestamp,
        moves failure: Option<Json<Failure>>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
        /// Since when its outcome is unknown, also after it is known.
        moves unknown_since: Option<Timestamp>,
    }
}

impl Attempt {
    /// When an unknown outcome becomes a review case. A customer who still has time to pay is no reason
    /// for one.
    pub fn overdue_at(&self, payment: &Payment) -> Timestamp {
        let payable_until = payment.payable_until().filter(|_| payment.next_action.is_some());
        payable_until.map_or(self.deadline_at, |until| until.max(self.deadline_at))
    }
}

crate::row! {
    Refund in "refunds" as lock, side_effects crate::side_effects::of_refund {
        key id: RefundId,
        fixed tenant: TenantId,
        fixed payment: PaymentId,
        fixed booking: Option<BookingId>,
        fixed amount_minor: i64,
        fixed currency: Currency,
        /// Made at the provider by a person. It has no attempt.
        fixed external: bool,
        fixed reason: Option<String>,
        fixed metadata: Json<BTreeMap<String, String>>,
        fixed key: Option<KeyId>,
        guard state: CurrentState<refund::State>,
        guard seq: i64,
        moves provider_ref: Option<String>,
        moves failure: Option<Json<Failure>>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}
