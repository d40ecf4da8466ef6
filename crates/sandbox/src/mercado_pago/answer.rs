//! The reply to a call, rendered from the snapshots of its journal line.

use serde::{Deserialize, Serialize};

use super::{
    order, payment::StoredPayment, preference::StoredPreference, refusal::MercadoPagoRefusal, view::json,
};
use crate::snapshot::Snapshot;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MercadoPagoAnswer {
    Created {
        /// Position of the payment among the snapshots.
        snapshot: usize,
    },
    Updated {
        snapshot: usize,
    },
    Refunded {
        snapshot: usize,
        /// Position among the refunds of the payment.
        refund: usize,
    },
    OrderMade {
        snapshot: usize,
    },
    /// Its card was declined.
    OrderFailed {
        snapshot: usize,
    },
    OrderChanged {
        snapshot: usize,
    },
    OrderRefunded {
        snapshot: usize,
        refund: usize,
    },
    PreferenceMade {
        snapshot: usize,
    },
    PreferenceChanged {
        snapshot: usize,
    },
    Refused(MercadoPagoRefusal),
}

impl MercadoPagoAnswer {
    pub fn status(&self) -> u16 {
        match self {
            Self::Created { .. }
            | Self::Refunded { .. }
            | Self::OrderMade { .. }
            | Self::OrderRefunded { .. }
            | Self::PreferenceMade { .. } => 201,
            Self::Updated { .. } | Self::OrderChanged { .. } | Self::PreferenceChanged { .. } => 200,
            Self::OrderFailed { .. } => 402,
            Self::Refused(refusal) => refusal.status(),
        }
    }

    /// A repeated call creates no payment, so it is not answered with 201.
    pub fn repeated_status(&self) -> u16 {
        match self {
            Self::Created { .. } => 200,
            other => other.status(),
        }
    }

    /// A refused call has done nothing, so its key stays free. A failure is kept, and so is an order that failed.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::OrderFailed { .. }) || !(400..500).contains(&self.status())
    }

    pub fn object<'a>(&self, snapshots: &'a [Snapshot]) -> Option<&'a str> {
        match self {
            Self::Created { snapshot } | Self::Updated { snapshot } => {
                Some(&*payment(snapshots, *snapshot)?.id)
            }
            Self::Refunded { snapshot, refund } => {
                Some(&*payment(snapshots, *snapshot)?.refunds.get(*refund)?.id)
            }
            Self::OrderMade { snapshot }
            | Self::OrderFailed { snapshot }
            | Self::OrderChanged { snapshot }
            | Self::OrderRefunded { snapshot, .. } => Some(payment(snapshots, *snapshot)?.object()),
            Self::PreferenceMade { snapshot } | Self::PreferenceChanged { snapshot } => {
                Some(&*preference(snapshots, *snapshot)?.id)
            }
            Self::Refused(_) => None,
        }
    }

    pub fn render(&self, snapshots: &[Snapshot]) -> Vec<u8> {
        match self {
            Self::Created { snapshot } | Self::Updated { snapshot } => {
                json(&payment(snapshots, *snapshot).map(StoredPayment::view))
            }
            Self::Refunded { snapshot, refund } => {
                let payment = payment(snapshots, *snapshot);
                json(&payment.and_then(|payment| Some(payment.refund_view(payment.refunds.get(*refund)?))))
            }
            Self::OrderMade { snapshot } | Self::OrderChanged { snapshot } => {
                json(&payment(snapshots, *snapshot).and_then(order::view))
            }
            Self::OrderFailed { snapshot } => json(&payment(snapshots, *snapshot).and_then(order::failed)),
            Self::OrderRefunded { snapshot, refund } => {
                json(&payment(snapshots, *snapshot).and_then(|payment| order::refunded(payment, *refund)))
            }
            Self::PreferenceMade { snapshot } | Self::PreferenceChanged { snapshot } => {
                preference(snapshots, *snapshot).map(StoredPreference::render).unwrap_or_default()
            }
            Self::Refused(refusal) => json(refusal),
        }
    }

    pub fn refusal_name(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.name()),
            _ => None,
        }
    }
}

fn payment(snapshots: &[Snapshot], position: usize) -> Option<&StoredPayment> {
    match snapshots.get(position)? {
        Snapshot::StoredPayment(payment) => Some(payment),
        _ => None,
    }
}

fn preference(snapshots: &[Snapshot], position: usize) -> Option<&StoredPreference> {
    match snapshots.get(position)? {
        Snapshot::StoredPreference(preference) => Some(preference),
        _ => None,
    }
}
