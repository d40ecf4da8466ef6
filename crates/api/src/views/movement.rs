//! A movement of money, as the provider moved it.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Money, time};

/// Money that moved at the provider, once: because we requested it, or somebody moved it there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    pub id: Uuid,
    pub payment_id: Uuid,
    #[serde(default)]
    pub refund_id: Option<Uuid>,
    /// `capture`, `refund`, `refund_reversal`, `dispute`, `dispute_reversal`, `provider_fee`,
    /// `provider_fee_reversal`, `suspense_return` or `suspense_return_reversal`.
    #[schema(example = "capture")]
    pub kind: String,
    /// The provider's id of the movement.
    #[schema(example = "re_3TLwvAF0ebAcqKVF0s3bU0Ps")]
    pub provider_reference: String,
    pub amount: Money,
    pub recorded_at: jiff::Timestamp,
}

impl Movement {
    pub fn of(movement: &rows::Movement) -> Movement {
        Movement {
            id: movement.id.0,
            payment_id: movement.payment.0,
            refund_id: movement.refund.map(|refund| refund.0),
            kind: movement.kind.name().to_owned(),
            provider_reference: movement.object.clone(),
            amount: Money::new(movement.amount_minor, movement.currency),
            recorded_at: time::instant(movement.recorded_at),
        }
    }
}
