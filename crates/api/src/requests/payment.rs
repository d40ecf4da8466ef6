//! Requests that move money.

use domain::rows::{self, CHECKOUT_PAGE, PAYMENT_FORM, PIX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Payer, Request, SetupFutureUsage, saved_methods};
use crate::Money;
use crate::limits::{
    ALTERNATIVES_MAX, INSTALMENTS_MAX, NAME_CHARS_MAX, PAYABLE_SECONDS_MAX, PAYABLE_SECONDS_MIN,
    REASON_CHARS_MAX, REFERENCE_CHARS_MAX,
};
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;

/// When authorised money is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// At once.
    #[default]
    Automatic,
    /// With `POST /v1/payments/{id}/capture`.
    Manual,
}

impl From<rows::Capture> for Capture {
    fn from(capture: rows::Capture) -> Capture {
        match capture {
            rows::Capture::Automatic => Capture::Automatic,
            rows::Capture::Manual => Capture::Manual,
        }
    }
}

impl From<Capture> for rows::Capture {
    fn from(capture: Capture) -> rows::Capture {
        match capture {
            Capture::Automatic => rows::Capture::Automatic,
            Capture::Manual => rows::Capture::Manual,
        }
    }
}

/// Starts a payment: for a booking, or for an amount with a reference of the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// Pays what this booking owes, or `amount` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<Uuid>,
    /// May be absent with `booking_id`: then all that is due is paid. Refunded money is not due
    /// again, so a charge after a refund needs an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The client's reference for what is paid; only without `booking_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Absent: that of the first account that takes the currency and the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: Option<String>,
    /// The configured name of the account whose token `payment_method` is. Absent: the first account that
    /// takes the currency and the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    pub account: Option<String>,
    /// The provider's token of a card, `pix`, `payment_form` or `checkout_page`. A card number is refused. With
    /// `payment_form` the customer chooses in the provider's own form (Stripe's Payment Element), and the
    /// customer's browser confirms the payment with the client secret of `next_action`. With `checkout_page`
    /// the customer pays on the provider's page (Mercado Pago's Checkout Pro); `next_action` redirects there.
    #[schema(example = "pm_card_visa")]
    pub payment_method: String,
    /// The card's brand by the provider's name for it, where the provider needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "visa", pattern = "^[a-z0-9_]{1,40}$")]
    pub brand: Option<String>,
    /// The number of instalments of the card, or the most of a `checkout_page`; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalments: Option<u32>,
    /// Who pays, where the provider needs to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// How long the customer can pay; half an hour if absent. Not with a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u32>,
    /// Other accounts, each tried in turn if the charge was declined before, and no money moved. A token is
    /// one of its own provider. Pix needs none: it goes on at the next account that offers it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    #[serde(default)]
    pub capture: Capture,
    /// Saves the payment method for the customer, who has agreed to it, once it has paid. Then
    /// `saved_payment_method` of the payment is the token to charge later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<SetupFutureUsage>,
    /// Charges a payment method that was saved before, while the customer is absent. If the bank wants the
    /// customer to authenticate, the payment fails with `authentication_required`, and can be tried again
    /// with the customer present, without `off_session`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off_session: bool,
    /// Whose payment method is saved or charged: a reference of your own, or an e-mail address, which names the
    /// same customer as in bookings. Only without `booking_id`: a booking has its
    /// customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "customer-1042")]
    pub customer: Option<String>,
    /// Where the customer returns after a redirect: a web page, or an app by its own scheme. Never
    /// a scheme that a browser executes or reads itself (`javascript`, `data`), or that of another
    /// protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://shop.example/done")]
    pub return_url: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Another account at which a declined payment is tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "mercado_pago", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    pub account: Option<String>,
    /// The provider's token of a card. A card number is refused.
    pub payment_method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "visa", pattern = "^[a-z0-9_]{1,40}$")]
    pub brand: Option<String>,
}

/// Charges an amount at once: the short form of a payment with automatic capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    pub amount: Money,
    /// Absent: that of the first account that takes the currency and the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: Option<String>,
    /// The configured name of the account whose token `payment_method` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    pub account: Option<String>,
    /// The provider's token of a card. A card number is refused.
    #[schema(example = "pm_card_visa")]
    pub payment_method: String,
    /// The card's brand by the provider's name for it, where the provider needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "visa", pattern = "^[a-z0-9_]{1,40}$")]
    pub brand: Option<String>,
    /// The number of instalments in which the card is charged; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalments: Option<u32>,
    /// Who pays, where the provider needs to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// The client's reference for what is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Saves the payment method for the customer, who has agreed to it, once it has paid. Then
    /// `saved_payment_method` of the payment is the token to charge later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<SetupFutureUsage>,
    /// Charges a payment method that was saved before, while the customer is absent. If the bank wants the
    /// customer to authenticate, the payment fails with `authentication_required`, and can be tried again
    /// with the customer present, without `off_session`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off_session: bool,
    /// Whose payment method is saved or charged: a reference of your own, or an e-mail address, which names the
    /// same customer as in bookings. It is not stored as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "customer-1042")]
    pub customer: Option<String>,
    /// Where the customer returns after a redirect: a web page, or an app by its own scheme. Never
    /// a scheme that a browser executes or reads itself (`javascript`, `data`), or that of another
    /// protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "myapp://done")]
    pub return_url: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Cancels a payment. It has no parameters and needs no body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPaymentCancellation {}

impl Request for NewPaymentCancellation {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, _: &mut ValidationErrors) {}
}

/// Captures authorised money.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCapture {
    /// All that is authorised if absent. The rest is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

/// Refunds captured money.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// All that was captured and not refunded yet, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl NewPayment {
    /// The account that is tried first.
    pub fn route(&self) -> Alternative {
        Alternative {
            provider: self.provider.clone(),
            account: self.account.clone(),
            payment_method: self.payment_method.clone(),
            brand: self.brand.clone(),
        }
    }

    /// A payment with a card's token, for what is still to be set: a booking, or an amount.
    pub fn new(provider: &str, payment_method: &str) -> NewPayment {
        NewPayment {
            booking_id: None,
            amount: None,
            reference: None,
            provider: Some(provider.to_owned()),
            account: None,
            payment_method: payment_method.to_owned(),
            brand: None,
            instalments: None,
            payer: None,
            expires_in_seconds: None,
            alternatives: Vec::new(),
            capture: Capture::Automatic,
            setup_future_usage: None,
            off_session: false,
            customer: None,
            return_url: None,
            metadata: Metadata::default(),
        }
    }
}

impl NewCharge {
    pub fn new(amount: Money, provider: &str, payment_method: &str) -> NewCharge {
        NewCharge {
            amount,
            provider: Some(provider.to_owned()),
            account: None,
            payment_method: payment_method.to_owned(),
            brand: None,
            instalments: None,
            payer: None,
            reference: None,
            setup_future_usage: None,
            off_session: false,
            customer: None,
            return_url: None,
            metadata: Metadata::default(),
        }
    }
}

impl From<NewCharge> for NewPayment {
    fn from(charge: NewCharge) -> NewPayment {
        NewPayment {
            booking_id: None,
            amount: Some(charge.amount),
            reference: charge.reference,
            provider: charge.provider,
            account: charge.account,
            alternatives: Vec::new(),
            payment_method: charge.payment_method,
            brand: charge.brand,
            instalments: charge.instalments,
            payer: charge.payer,
            expires_in_seconds: None,
            capture: Capture::Automatic,
            setup_future_usage: charge.setup_future_usage,
            off_session: charge.off_session,
            customer: charge.customer,
            return_url: charge.return_url,
            metadata: charge.metadata,
        }
    }
}

impl Request for NewPayment {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
        if let Some(reference) = &self.reference {
            findings.line("/reference", reference, REFERENCE_CHARS_MAX);
        }
        findings.route("", &self.route());
        if self.alternatives.len() > ALTERNATIVES_MAX {
            findings.add("/alternatives", format!("must be at most {ALTERNATIVES_MAX}"));
        }
        for (at, alternative) in self.alternatives.iter().enumerate().take(ALTERNATIVES_MAX) {
            let pointer = format!("/alternatives/{at}");
            findings.route(&pointer, alternative);
            if alternative.payment_method == PIX {
                findings.add(format!("{pointer}/payment_method"), "must be a card's token");
            }
        }
        if self.instalments.is_some_and(|count| !(1..=INSTALMENTS_MAX).contains(&count)) {
            findings.add("/instalments", format!("must be from 1 to {INSTALMENTS_MAX}"));
        }
        if let Some(payer) = &self.payer {
            findings.email("/payer/email", &payer.email);
            if let Some(name) = &payer.name {
                findings.line("/payer/name", name, NAME_CHARS_MAX);
            }
            if payer.tax_id.as_ref().is_some_and(|tax_id| !tax_id.is_well_formed()) {
                findings.add("/payer/tax_id/number", "is not a number of this kind");
            }
        }
        let (least, most) = (PAYABLE_SECONDS_MIN, PAYABLE_SECONDS_MAX);
        if self.expires_in_seconds.is_some_and(|seconds| !(least..=most).contains(&seconds)) {
            findings.add("/expires_in_seconds", format!("must be from {least} to {most}"));
        }
        if let Some(customer) = &self.customer {
            findings.line("/customer", customer, REFERENCE_CHARS_MAX);
        }
        if let Some(url) = &self.return_url {
            findings.return_url("/return_url", url);
        }
        findings.metadata(&self.metadata);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if self.booking_id.is_none() && self.amount.is_none() {
            findings.add("", "needs a booking_id or an amount");
        }
        if self.booking_id.is_some() && self.reference.is_some() {
            findings.add("/reference", "must be absent with booking_id");
        }
        let is_pix = self.payment_method == PIX;
        let is_page = self.payment_method == CHECKOUT_PAGE;
        let is_token = !is_pix && !is_page && self.payment_method != PAYMENT_FORM;
        if self.expires_in_seconds.is_some() && is_token {
            findings.add("/expires_in_seconds", "must be absent unless the customer completes the payment");
        }
        if !is_token && (self.brand.is_some() || (self.instalments.is_some() && !is_page)) {
            findings.add("/payment_method", "has neither brand nor instalments if it is not a card");
        }
        if is_pix && !self.alternatives.is_empty() {
            findings
                .add("/alternatives", "must be absent with pix: it goes on at the next account by itself");
        }
        if is_page && self.capture == Capture::Manual {
            findings.add("/capture", "must be automatic with checkout_page: the page reserves no money");
        }
        if is_pix && self.capture == Capture::Manual {
            findings.add("/capture", "must be automatic with pix: Pix reserves no money");
        }
        saved_methods::check(self, findings);
    }
}

impl Request for NewCharge {
    fn check(&self, findings: &mut ValidationErrors) {
        NewPayment::from(self.clone()).check(findings);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        saved_methods::check(&NewPayment::from(self.clone()), findings);
    }
}

impl Request for NewCapture {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
    }
}

impl Request for NewRefund {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
        if let Some(reason) = &self.reason {
            findings.paragraph("/reason", reason, REASON_CHARS_MAX);
        }
        findings.metadata(&self.metadata);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    const BOOKING: &str = "00000000-0000-0000-0000-000000000006";

    fn found<R: Request + serde::de::DeserializeOwned>(mut body: Value, over: Value) -> Vec<String> {
        let members = over.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        let found = decode::<R>(body).map_or_else(|findings| findings.errors().to_vec(), |_| vec![]);
        found.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn a_payment_is_for_a_booking_or_for_an_amount() {
        let check = |over: Value, expected: &[&str]| {
            let body = json!({ "provider": "stripe", "payment_method": "pm_card_visa" });
            assert_eq!(found::<NewPayment>(body, over.clone()), expected, "{over}");
        };
        let eur = |minor: i64| json!({ "minor": minor, "currency": "EUR" });
        check(json!({ "booking_id": BOOKING }), &[]);
        check(json!({ "amount": eur(1), "reference": "INV-1", "capture": "manual" }), &[]);
        check(json!({}), &[""]);
        check(json!({ "booking_id": BOOKING, "amount": eur(1) }), &[]);
        check(json!({ "booking_id": BOOKING, "amount": eur(0) }), &["/amount/minor"]);
        check(json!({ "booking_id": BOOKING, "reference": "x" }), &["/reference"]);
        check(json!({ "amount": eur(0) }), &["/amount/minor"]);
        check(json!({ "amount": { "minor": 1, "currency": "ZZZ" } }), &["/amount/currency"]);
        check(json!({ "amount": { "minor": 1, "currency": "eur" } }), &["/amount/currency"]);
        check(json!({ "amount": { "minor": 1.5, "currency": "EUR" } }), &["/amount/minor"]);
        check(json!({ "amount": { "minor": "1", "currency": "EUR" } }), &["/amount/minor"]);
        check(json!({ "booking_id": BOOKING, "provider": "Stripe!" }), &["/provider"]);
        check(json!({ "booking_id": BOOKING, "payment_method": "4242424242424242" }), &["/payment_method"]);
        check(json!({ "booking_id": BOOKING, "return_url": "javascript:1" }), &["/return_url"]);
        check(json!({ "booking_id": BOOKING, "return_url": "myapp://done" }), &[]);
        check(json!({ "booking_id": BOOKING, "capture": "later" }), &["/capture"]);
        check(json!({ "booking_id": BOOKING, "state": "captured" }), &["/state"]);
        check(json!({ "booking_id": BOOKING, "account": "acct_2" }), &[]);
        check(json!({ "booking_id": BOOKING, "account": "a/b" }), &["/account"]);
        let other = |method: &str| json!({ "account": "acct_2", "payment_method": method });
        let tried = |others: Vec<Value>| json!({ "booking_id": BOOKING, "alternatives": others });
        check(tried(vec![other("tok_1"); ALTERNATIVES_MAX]), &[]);
        check(tried(vec![other("tok_1"); ALTERNATIVES_MAX + 1]), &["/alternatives"]);
        check(tried(vec![other("pix")]), &["/alternatives/0/payment_method"]);
        check(tried(vec![other("tok_1"), other("4242424242424242")]), &["/alternatives/1/payment_method"]);
        let form = |over: Value| {
            let mut body = json!({ "booking_id": BOOKING, "payment_method": "payment_form" });
            body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
            body
        };
        check(form(json!({ "expires_in_seconds": 60, "capture": "manual" })), &[]);
        check(form(json!({ "expires_in_seconds": 59 })), &["/expires_in_seconds"]);
        check(form(json!({ "instalments": 2 })), &["/payment_method"]);
        let page = "checkout_page";
        check(form(json!({ "payment_method": page, "instalments": 6, "expires_in_seconds": 60 })), &[]);
        check(form(json!({ "payment_method": page, "brand": "visa" })), &["/payment_method"]);
        check(form(json!({ "payment_method": page, "capture": "manual" })), &["/capture"]);
        check(json!({ "booking_id": BOOKING, "expires_in_seconds": 600 }), &["/expires_in_seconds"]);
    }

    #[test]
    fn a_charge_is_a_payment() {
        let body = || {
            json!({
                "amount": { "minor": 100, "currency": "EUR" },
                "provider": "stripe",
                "payment_method": "pm_card_visa",
            })
        };
        assert!(found::<NewCharge>(body(), json!({ "reference": "INV-1" })).is_empty());
        assert_eq!(found::<NewCharge>(body(), json!({ "booking_id": BOOKING })), ["/booking_id"]);
        assert_eq!(found::<NewCharge>(body(), json!({ "reference": "\0" })), ["/reference"]);
    }

    #[test]
    fn captures_and_refunds_may_be_partial() {
        let eur = |minor: i64| json!({ "amount": { "minor": minor, "currency": "EUR" } });
        assert!(found::<NewCapture>(json!({}), eur(5)).is_empty());
        assert_eq!(found::<NewCapture>(json!({}), eur(0)), ["/amount/minor"]);
        assert!(found::<NewRefund>(eur(5), json!({ "reason": "rain" })).is_empty());
        assert_eq!(found::<NewRefund>(eur(-5), json!({ "reason": "\0" })), ["/reason", "/amount/minor"]);
    }
}
