//! A refund: captured money on its way back.

use domain::lifecycle::State as _;
use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Metadata;
use crate::problem::Failure;
use crate::{Money, time};

/// Money of a payment on its way back to the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    pub id: Uuid,
    pub payment_id: Uuid,
    #[serde(default)]
    pub booking_id: Option<Uuid>,
    /// `created`, `pending`, `unknown`, `review`, `succeeded`, `written_off` or `failed`. A refund that
    /// succeeded may still fail later, when the customer's bank sends the money back.
    #[schema(example = "succeeded")]
    pub state: String,
    pub amount: Money,
    /// Somebody made it in the provider's dashboard.
    pub made_at_provider: bool,
    #[serde(default)]
    pub reason: Option<String>,
    /// The provider's id of its object, once there is one.
    #[serde(default)]
    pub provider_reference: Option<String>,
    #[serde(default)]
    pub failure: Option<Failure>,
    pub metadata: Metadata,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

impl Refund {
    pub fn of(refund: &rows::Refund) -> Refund {
        Refund {
            id: refund.id.0,
            payment_id: refund.payment.0,
            booking_id: refund.booking.map(|booking| booking.0),
            state: refund.state.name().to_owned(),
            amount: Money::new(refund.amount_minor, refund.currency),
            made_at_provider: refund.external,
            reason: refund.reason.clone(),
            provider_reference: refund.provider_ref.clone(),
            failure: refund.failure.as_ref().map(|failure| Failure::from(&failure.0)),
            metadata: refund.metadata.0.clone(),
            created_at: time::instant(refund.created_at),
            updated_at: time::instant(refund.updated_at),
        }
    }
}
