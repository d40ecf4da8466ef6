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

/// One submission of evidence, as it was sent to the bank. Null: that part was not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DisputeEvidence {
    pub id: Uuid,
    pub dispute_id: Uuid,
    /// `submitted`: the provider shows the dispute with it. `refused`: the bank does not have it. `unknown`: the
    /// reply was lost, and is looked up. `written_off`: a person gave it up.
    #[schema(example = "submitted")]
    pub state: String,
    #[serde(default)]
    pub customer_name: Option<String>,
    #[serde(default)]
    pub customer_email: Option<String>,
    /// What was booked.
    #[serde(default)]
    pub product: Option<String>,
    /// The day of the service, at its place.
    #[serde(default)]
    pub service_date: Option<String>,
    /// What happened to the booking and its payment, line by line, with the check-in of the request.
    #[serde(default)]
    pub timeline: Option<String>,
    /// The terms that the customer accepted.
    #[serde(default)]
    pub terms: Option<String>,
    /// Why no refund was due.
    #[serde(default)]
    pub refund_refusal: Option<String>,
    /// The statement, the correspondence, and the customer's telephone.
    #[serde(default)]
    pub statement: Option<String>,
    /// Why it was refused.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// When it was first sent to the provider. Null: it was not sent.
    #[serde(default)]
    pub sent_at: Option<jiff::Timestamp>,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

impl DisputeEvidence {
    pub fn of(evidence: rows::DisputeEvidence) -> DisputeEvidence {
        let texts = evidence.texts.0;
        DisputeEvidence {
            id: evidence.id.0,
            dispute_id: evidence.dispute.0,
            state: evidence.state.name().to_owned(),
            customer_name: texts.customer_name,
            customer_email: texts.customer_email,
            product: texts.product,
            service_date: texts.service_date,
            timeline: texts.timeline,
            terms: texts.terms,
            refund_refusal: texts.refund_refusal,
            statement: texts.statement,
            failure: evidence.failure.as_ref().map(|failure| Failure::from(&failure.0)),
            sent_at: evidence.sent_at.map(time::instant),
            created_at: time::instant(evidence.created_at),
            updated_at: time::instant(evidence.updated_at),
        }
    }
}
