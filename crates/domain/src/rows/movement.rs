//! Movements of money: what the sums of a payment are made of.

use alloc::string::String;

use crate::ids::{MovementId, PaymentId, RefundId, TenantId};
use crate::money::Currency;
use crate::time::Timestamp;

/// What moved, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovementKind {
    /// From the customer.
    Capture,
    /// Back to the customer.
    Refund,
    /// A refund that came back.
    RefundReversal,
    /// Taken back by the customer's bank.
    Dispute,
    /// Given back by it.
    DisputeReversal,
    /// Kept by the provider.
    ProviderFee,
    /// Given back by it.
    ProviderFeeReversal,
    /// Back to the customer, out of suspense: money that is in no sum of the payment.
    SuspenseReturn,
    /// Such a return that came back.
    SuspenseReturnReversal,
}

impl MovementKind {
    pub const ALL: [MovementKind; 9] = [
        MovementKind::Capture,
        MovementKind::Refund,
        MovementKind::RefundReversal,
        MovementKind::Dispute,
        MovementKind::DisputeReversal,
        MovementKind::ProviderFee,
        MovementKind::ProviderFeeReversal,
        MovementKind::SuspenseReturn,
        MovementKind::SuspenseReturnReversal,
    ];

    pub fn name(&self) -> &'static str {
        match self {
            MovementKind::Capture => "capture",
            MovementKind::Refund => "refund",
            MovementKind::RefundReversal => "refund_reversal",
            MovementKind::Dispute => "dispute",
            MovementKind::DisputeReversal => "dispute_reversal",
            MovementKind::ProviderFee => "provider_fee",
            MovementKind::ProviderFeeReversal => "provider_fee_reversal",
            MovementKind::SuspenseReturn => "suspense_return",
            MovementKind::SuspenseReturnReversal => "suspense_return_reversal",
        }
    }
    pub fn is_fee(self) -> bool {
        matches!(self, MovementKind::ProviderFee | MovementKind::ProviderFeeReversal)
    }
    pub fn from_name(name: &str) -> Option<MovementKind> {
        MovementKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
crate::named_column!(MovementKind);

crate::row! {
    /// Money that moved at the provider, once: its id is hashed from the payment, the kind and the
    /// provider's id of it. Whether we requested it, or a person moved it at the provider, makes no
    /// difference to the sums.
    Movement in "movements" as lock {
        key id: MovementId,
        fixed tenant: TenantId,
        fixed payment: PaymentId,
        fixed refund: Option<RefundId>,
        fixed kind: MovementKind,
        /// The provider's id of what moved: of a capture its payment's object, of a refund or a dispute its
        /// own, of a fee what the provider lists it by.
        fixed object: String,
        fixed amount_minor: i64,
        fixed currency: Currency,
        fixed recorded_at: Timestamp,
    }
}
