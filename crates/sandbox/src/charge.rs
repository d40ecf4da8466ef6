//! A Charge as the books store it, and as Stripe shows it.

use serde::{Deserialize, Serialize};

use crate::{
    balance::CaptureEntry,
    call_draft::CallDraft,
    card::{
        CardRef, Decline,
        view::{Details, details},
    },
    parameters::StripeMetadata,
    payment_method::Billing,
    shipping::Shipping,
};

/// How long an authorisation can be captured: Visa and Mastercard, for payments by the cardholder.
const CAPTURE_WINDOW_S: i64 = 7 * 24 * 60 * 60;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub intent: String,
    /// The id of the payment method.
    #[serde(default)]
    pub payment_method: String,
    /// What was authorised, or attempted.
    pub amount: i64,
    pub currency: String,
    pub card: CardRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    #[serde(default)]
    pub captured: bool,
    /// The authorisation was released without a capture.
    #[serde(default)]
    pub voided: bool,
    #[serde(default)]
    pub captured_minor: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<CaptureEntry>,
    /// Refunds of captured money, without what a partial capture released.
    #[serde(default)]
    pub refunded_minor: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<String>,
    /// Open or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<String>,
    /// What the dispute has withdrawn and not reinstated.
    #[serde(default)]
    pub disputed_minor: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<Box<Billing>>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Box<Shipping>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_group: Option<String>,
}

impl Charge {
    /// The captured money that was neither refunded nor withdrawn by a dispute.
    pub fn refundable_minor(&self) -> i64 {
        self.captured_minor - self.refunded_minor - self.disputed_minor
    }

    /// Takes a part of what was authorised, or all. The provider keeps its fee of it.
    pub fn take(&mut self, draft: &mut CallDraft, captured_minor: i64) {
        let fee = draft.held.account.fees.of_capture(captured_minor);
        (self.captured, self.captured_minor) = (true, captured_minor);
        self.capture = Some(CaptureEntry { transaction: draft.mint.id("txn"), at: draft.now(), fee });
    }

    /// Stripe counts what a void or a partial capture released as refunded on the charge.
    fn amount_refunded(&self) -> i64 {
        let released = match (self.voided, self.captured) {
            (true, _) => self.amount,
            (false, true) => self.amount - self.captured_minor,
            (false, false) => 0,
        };
        released + self.refunded_minor
    }

    pub fn view(&self) -> ChargeView<'_> {
        let paid = self.decline.is_none();
        let waits = paid && !self.captured && !self.voided;
        ChargeView {
            id: &self.id,
            object: "charge",
            amount: self.amount,
            amount_captured: self.captured_minor,
            amount_refunded: self.amount_refunded(),
            application: (),
            application_fee: (),
            application_fee_amount: (),
            balance_transaction: self.capture.as_ref().map(|entry| entry.transaction.as_str()),
            billing_details: self.billing.as_deref().cloned().unwrap_or_default(),
            calculated_statement_descriptor: self.statement_descriptor.as_deref(),
            captured: self.captured,
            created: self.created,
            currency: &self.currency,
            customer: self.customer.as_deref(),
            description: self.description.as_deref(),
            disputed: self.dispute.is_some(),
            failure_balance_transaction: (),
            failure_code: self.decline.map(Decline::code),
            failure_message: self.decline.map(Decline::message),
            fraud_details: Nothing {},
            livemode: false,
            metadata: &self.metadata,
            on_behalf_of: (),
            outcome: self.outcome(),
            paid,
            payment_intent: &self.intent,
            payment_method: &self.payment_method,
            payment_method_details: details(
                self.card.0,
                self.amount,
                waits.then_some(self.created + CAPTURE_WINDOW_S),
            ),
            receipt_email: self.receipt_email.as_deref(),
            receipt_number: (),
            receipt_url: (),
            refunded: paid && self.amount_refunded() == self.amount,
            review: (),
            shipping: self.shipping.as_deref(),
            source: (),
            source_transfer: (),
            statement_descriptor: self.statement_descriptor.as_deref(),
            statement_descriptor_suffix: self.statement_descriptor_suffix.as_deref(),
            status: if paid { "succeeded" } else { "failed" },
            transfer_data: (),
            transfer_group: self.transfer_group.as_deref(),
        }
    }

    fn outcome(&self) -> ChargeOutcome {
        let Some(decline) = self.decline else {
            return ChargeOutcome {
                advice_code: (),
                network_advice_code: (),
                network_decline_code: (),
                network_status: "approved_by_network",
                reason: None,
                seller_message: "Payment complete.",
                r#type: "authorized",
            };
        };
        ChargeOutcome {
            advice_code: (),
            network_advice_code: (),
            network_decline_code: (),
            network_status: "declined_by_network",
            reason: decline.decline_code(),
            seller_message: "The bank did not return any further details with this decline.",
            r#type: "issuer_declined",
        }
    }
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct ChargeOutcome {
    advice_code: (),
    network_advice_code: (),
    network_decline_code: (),
    network_status: &'static str,
    reason: Option<&'static str>,
    seller_message: &'static str,
    r#type: &'static str,
}

/// The fields and their order follow the SDK's `Charge`; `()` is `null`.
#[derive(Serialize)]
pub struct ChargeView<'a> {
    id: &'a str,
    object: &'static str,
    amount: i64,
    amount_captured: i64,
    amount_refunded: i64,
    application: (),
    application_fee: (),
    application_fee_amount: (),
    balance_transaction: Option<&'a str>,
    billing_details: Billing,
    calculated_statement_descriptor: Option<&'a str>,
    captured: bool,
    created: i64,
    currency: &'a str,
    customer: Option<&'a str>,
    description: Option<&'a str>,
    disputed: bool,
    failure_balance_transaction: (),
    failure_code: Option<&'static str>,
    failure_message: Option<&'static str>,
    fraud_details: Nothing,
    livemode: bool,
    metadata: &'a StripeMetadata,
    on_behalf_of: (),
    outcome: ChargeOutcome,
    paid: bool,
    payment_intent: &'a str,
    payment_method: &'a str,
    payment_method_details: Details,
    receipt_email: Option<&'a str>,
    receipt_number: (),
    receipt_url: (),
    refunded: bool,
    review: (),
    shipping: Option<&'a Shipping>,
    source: (),
    source_transfer: (),
    statement_descriptor: Option<&'a str>,
    statement_descriptor_suffix: Option<&'a str>,
    status: &'static str,
    transfer_data: (),
    transfer_group: Option<&'a str>,
}
