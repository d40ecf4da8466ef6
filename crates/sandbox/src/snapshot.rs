//! One version of one object, as a journal line holds it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    account::Endpoint,
    charge::{Charge, ChargeView},
    intent::{Intent, IntentView},
    refund::{Refund, RefundView},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Snapshot {
    Intent(Intent),
    Charge(Charge),
    Refund(Refund),
    Endpoint(Endpoint),
}

/// A snapshot in Stripe's shape.
#[derive(Serialize)]
#[serde(untagged)]
pub enum SnapshotView<'a> {
    Intent(Box<IntentView<'a>>),
    Charge(Box<ChargeView<'a>>),
    Refund(Box<RefundView<'a>>),
    Endpoint(Value),
}

impl Snapshot {
    pub fn id(&self) -> &str {
        match self {
            Self::Intent(intent) => &intent.id,
            Self::Charge(charge) => &charge.id,
            Self::Refund(refund) => &refund.id,
            Self::Endpoint(endpoint) => &endpoint.id,
        }
    }

    pub fn view(&self) -> SnapshotView<'_> {
        self.view_with(None)
    }

    /// With the charge of an intent shown whole, when the call asked for it.
    pub fn view_with<'a>(&'a self, latest: Option<&'a Charge>) -> SnapshotView<'a> {
        match self {
            Self::Intent(intent) => SnapshotView::Intent(Box::new(intent.view(latest))),
            Self::Charge(charge) => SnapshotView::Charge(Box::new(charge.view())),
            Self::Refund(refund) => SnapshotView::Refund(Box::new(refund.view())),
            Self::Endpoint(endpoint) => SnapshotView::Endpoint(endpoint.view(true)),
        }
    }
}
