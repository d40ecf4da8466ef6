//! A Refund as the books store it, and as Stripe shows it.

use serde::{Deserialize, Serialize};

use crate::parameters::StripeMetadata;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StripeRefundStatus {
    Pending,
    Succeeded,
    Failed,
}

impl StripeRefundStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// The later result of a refund, and its time: some test cards change it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Settlement {
    pub at_ms: i64,
    pub status: StripeRefundStatus,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub charge: String,
    pub intent: String,
    #[serde(default)]
    pub payment_method: String,
    pub amount: i64,
    pub currency: String,
    pub status: StripeRefundStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
    /// The idempotency key of the call that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Refund {
    pub fn view(&self) -> RefundView<'_> {
        let failed = self.status == StripeRefundStatus::Failed;
        RefundView {
            id: &self.id,
            object: "refund",
            amount: self.amount,
            balance_transaction: self.id.replacen("re_", "txn_", 1),
            charge: &self.charge,
            created: self.created,
            currency: &self.currency,
            customer: (),
            customer_account: (),
            destination_details: Destination { card: CardDestination::default(), r#type: "card" },
            failure_balance_transaction: failed.then(|| self.id.replacen("re_", "txn_f", 1)),
            failure_reason: failed.then_some("expired_or_canceled_card"),
            metadata: &self.metadata,
            payment_intent: &self.intent,
            payment_method: &self.payment_method,
            pending_reason: (self.status == StripeRefundStatus::Pending).then_some("processing"),
            reason: self.reason.as_deref(),
            receipt_number: (),
            source_transfer_reversal: (),
            status: self.status,
            transfer_reversal: (),
        }
    }
}

#[derive(Serialize)]
struct Destination {
    card: CardDestination,
    r#type: &'static str,
}

#[derive(Serialize)]
struct CardDestination {
    reference_status: &'static str,
    reference_type: &'static str,
    r#type: &'static str,
}

impl Default for CardDestination {
    fn default() -> Self {
        Self { reference_status: "pending", reference_type: "acquirer_reference_number", r#type: "refund" }
    }
}

/// The fields and their order follow the SDK's `Refund`; `()` is `null`.
#[derive(Serialize)]
pub struct RefundView<'a> {
    id: &'a str,
    object: &'static str,
    amount: i64,
    balance_transaction: String,
    charge: &'a str,
    created: i64,
    currency: &'a str,
    customer: (),
    customer_account: (),
    destination_details: Destination,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_balance_transaction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
    metadata: &'a StripeMetadata,
    payment_intent: &'a str,
    payment_method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_reason: Option<&'static str>,
    reason: Option<&'a str>,
    receipt_number: (),
    source_transfer_reversal: (),
    status: StripeRefundStatus,
    transfer_reversal: (),
}
