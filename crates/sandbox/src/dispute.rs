//! A Dispute as the books store it, and as Stripe shows it.
//!
//! | status                                    | the money                                          |
//! |-------------------------------------------|----------------------------------------------------|
//! | `warning_needs_response`, `warning_under_review`, `warning_closed` | an inquiry: nothing moved |
//! | `needs_response`, `under_review`          | withdrawn from the account                         |
//! | `lost`                                    | withdrawn permanently                              |
//! | `won`                                     | withdrawn, and reinstated                          |
//! | `prevented`                               | withdrawn permanently, before there was a dispute  |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    balance::BalanceTransaction,
    card::{CardRef, DisputeKind},
    parameters::StripeMetadata,
};

/// How long an account has to respond, from the end of the day on which the dispute begins.
const RESPONSE_DAYS: i64 = 8;
const DAY_S: i64 = 24 * 60 * 60;

/// The members of `evidence` that are a text or an uploaded file, in the SDK's order.
const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StripeDisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
    Prevented,
}

impl StripeDisputeStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Prevented => "prevented",
        }
    }

    pub fn is_inquiry(self) -> bool {
        matches!(self, Self::WarningNeedsResponse | Self::WarningUnderReview | Self::WarningClosed)
    }

    pub fn is_closed(self) -> bool {
        matches!(self, Self::WarningClosed | Self::Won | Self::Lost | Self::Prevented)
    }
}

/// How the bank decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeDecision {
    Won,
    Lost,
    /// An inquiry becomes a chargeback.
    Escalated,
    /// The network settles it with the cardholder before it is a chargeback.
    Prevented,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Settlement {
    pub at_ms: i64,
    pub decision: DisputeDecision,
}

/// Money that the dispute withdrew from the account, or reinstated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DisputeMovement {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    /// Negative for withdrawn money.
    pub amount: i64,
    /// Negative if the account gets it back.
    #[serde(default)]
    pub fee: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dispute {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub charge: String,
    pub intent: String,
    pub amount: i64,
    pub currency: String,
    pub card: CardRef,
    pub reason: String,
    pub status: StripeDisputeStatus,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub movements: Vec<DisputeMovement>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, String>,
    #[serde(default)]
    pub submissions: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// When the bank takes no more evidence, in Unix seconds, if it is not the usual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<i64>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
}

impl DisputeKind {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Fraudulent | Self::Inquiry => "fraudulent",
            Self::ProductNotReceived => "product_not_received",
        }
    }
}

impl Dispute {
    /// Withdrawn and not reinstated.
    pub fn withdrawn_minor(&self) -> i64 {
        -self.movements.iter().map(|movement| movement.amount).sum::<i64>()
    }

    /// The card network's code.
    fn reason_code(&self) -> &'static str {
        match &*self.reason {
            "product_not_received" => "13.1",
            "fraudulent" if self.status.is_inquiry() => "10",
            "fraudulent" => "10.4",
            _ => "12",
        }
    }

    /// In Unix seconds.
    pub fn due_by(&self) -> i64 {
        self.due_by.unwrap_or((self.created / DAY_S + RESPONSE_DAYS + 1) * DAY_S - 1)
    }

    /// The members and their order follow the SDK's `Dispute`.
    pub fn view(&self) -> Value {
        let due_by = self.due_by();
        let case_type = if self.status.is_inquiry() { "inquiry" } else { "chargeback" };
        let card = self.card.0;
        json!({
            "id": self.id, "object": "dispute", "amount": self.amount,
            "balance_transactions": self.movements.iter().map(|movement| self.transaction(movement)).collect::<Vec<_>>(),
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "enhanced_eligibility_types": [], "evidence": self.evidence_view(),
            "evidence_details": {
                "due_by": if self.status.is_closed() { Value::Null } else { json!(due_by) },
                "enhanced_eligibility": {}, "has_evidence": !self.evidence.is_empty(), "past_due": false,
                "submission_count": self.submissions,
                "submission_method": if self.submissions == 0 { "not_submitted" } else { "manual" },
            },
            "intended_submission_method": self.submission_method,
            "is_charge_refundable": self.status.is_inquiry() || self.status == StripeDisputeStatus::Won,
            "livemode": false, "metadata": self.metadata, "network_reason_code": self.reason_code(),
            "payment_intent": self.intent,
            "payment_method_details": {
                "card": {
                    "brand": card.brand, "case_type": case_type, "network": card.brand,
                    "network_reason_code": self.reason_code(),
                },
                "type": "card",
            },
            "reason": self.reason, "status": self.status.name(),
        })
    }

    fn evidence_view(&self) -> Value {
        let text = |name: &&str| ((*name).to_owned(), json!(self.evidence.get(*name)));
        let mut shown: Map<String, Value> = EVIDENCE.iter().map(text).collect();
        shown.insert("enhanced_evidence".to_owned(), json!({}));
        Value::Object(shown)
    }

    fn transaction(&self, movement: &DisputeMovement) -> Value {
        BalanceTransaction::of_movement(movement, &self.id, &self.charge, &self.currency).view()
    }
}
