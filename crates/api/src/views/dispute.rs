//! A dispute: the customer's bank asks about captured money, or takes it back.

use domain::lifecycle::State as _;
use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Failure;
use crate::{Money, time};

/// A dispute of a payment by the customer's bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dispute {
    pub id: Uuid,
    pub payment_id: Uuid,
    #[serde(default)]
    pub booking_id: Option<Uuid>,
    /// `inquiry`: the bank requests information, and no money moves. `opened`: it takes the money back until it
    /// has decided, and the payment takes no refund meanwhile. `won`, `lost`: it has decided. `closed`: it ended
    /// without a decision.
    #[schema(example = "opened")]
    pub state: String,
    /// What is disputed. What the bank took is in the payment's movements.
    pub amount: Money,
    /// The provider's word for the customer's reason.
    #[serde(default)]
    #[schema(example = "product_not_received")]
    pub reason: Option<String>,
    /// The card network's code of the reason.
    #[serde(default)]
    #[schema(example = "13.1")]
    pub network_reason: Option<String>,
    /// The provider's id of the dispute.
    #[schema(example = "du_1TLwvAF0ebAcqKVF0s3bU0Ps")]
    pub provider_reference: String,
    /// Until then the bank takes evidence. Null if it takes none.
    #[serde(default)]
    pub evidence_due_at: Option<jiff::Timestamp>,
    /// When the bank got evidence, from here or from the provider's dashboard.
    #[serde(default)]
    pub evidence_submitted_at: Option<jiff::Timestamp>,
    /// Whether evidence is being submitted.
    pub evidence_in_progress: bool,
    /// Why the evidence that was submitted last was refused.
    #[serde(default)]
    pub evidence_failure: Option<Failure>,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
    #[serde(default)]
    pub closed_at: Option<jiff::Timestamp>,
}

impl Dispute {
    pub fn of(dispute: &rows::Dispute) -> Dispute {
        Dispute {
            id: dispute.id.0,
            payment_id: dispute.payment.0,
            booking_id: dispute.booking.map(|booking| booking.0),
            state: dispute.state.name().to_owned(),
            amount: Money::new(dispute.amount_minor, dispute.currency),
            reason: dispute.reason.clone(),
            network_reason: dispute.network_reason.clone(),
            provider_reference: dispute.object.clone(),
            evidence_due_at: dispute.evidence_due_at.map(time::instant),
            evidence_submitted_at: dispute.evidence_submitted_at.map(time::instant),
            evidence_in_progress: dispute.submission.is_some(),
            evidence_failure: dispute.submission_failure.as_ref().map(|failure| Failure::from(&failure.0)),
            created_at: time::instant(dispute.created_at),
            updated_at: time::instant(dispute.updated_at),
            closed_at: dispute.closed_at.map(time::instant),
        }
    }
}
