//! One version of one object, as a journal line stores it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    account::WebhookEndpoint,
    charge::{Charge, ChargeView},
    customer::StripeCustomer,
    dispute::Dispute,
    intent::{Intent, IntentView},
    mercado_pago::{PaymentView, StoredPayment, StoredPreference},
    payment_method::PaymentMethod,
    pix::StoredCob,
    refund::{Refund, RefundView},
    transfer::{StripeReversal, StripeTransfer},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Snapshot {
    Intent(Box<Intent>),
    Charge(Box<Charge>),
    Refund(Refund),
    Dispute(Dispute),
    PaymentMethod(PaymentMethod),
    StripeCustomer(StripeCustomer),
    StripeTransfer(StripeTransfer),
    StripeReversal(StripeReversal),
    StoredPayment(Box<StoredPayment>),
    StoredPreference(Box<StoredPreference>),
    StoredCob(Box<StoredCob>),
    #[serde(rename = "endpoint")]
    WebhookEndpoint(WebhookEndpoint),
}

macro_rules! from_objects {
    ($($object:ident => $($boxed:ident)?;)*) => {
        $(impl From<$object> for Snapshot {
            fn from(object: $object) -> Self {
                Self::$object($($boxed::new)?(object))
            }
        })*
    };
}

from_objects! {
    Intent => Box;
    Charge => Box;
    Refund => ;
    Dispute => ;
    PaymentMethod => ;
    StripeCustomer => ;
    StripeTransfer => ;
    StripeReversal => ;
    StoredPayment => Box;
    StoredPreference => Box;
    StoredCob => Box;
    WebhookEndpoint => ;
}

/// A snapshot in its provider's shape.
#[derive(Serialize)]
#[serde(untagged)]
pub enum SnapshotView<'a> {
    Intent(Box<IntentView<'a>>),
    Charge(Box<ChargeView<'a>>),
    Refund(Box<RefundView<'a>>),
    Payment(Box<PaymentView<'a>>),
    Other(Value),
}

impl Snapshot {
    pub fn id(&self) -> &str {
        match self {
            Self::Intent(intent) => &intent.id,
            Self::Charge(charge) => &charge.id,
            Self::Refund(refund) => &refund.id,
            Self::Dispute(dispute) => &dispute.id,
            Self::PaymentMethod(method) => &method.id,
            Self::StripeCustomer(customer) => &customer.id,
            Self::StripeTransfer(transfer) => &transfer.id,
            Self::StripeReversal(reversal) => &reversal.id,
            Self::StoredPayment(payment) => &payment.id,
            Self::StoredPreference(preference) => &preference.id,
            Self::StoredCob(cob) => &cob.txid,
            Self::WebhookEndpoint(endpoint) => &endpoint.id,
        }
    }

    /// When it changes by itself, in Unix milliseconds.
    pub fn settles_at_ms(&self) -> Option<i64> {
        match self {
            Self::Intent(intent) => intent.settlement.map(|settlement| settlement.at_ms),
            Self::Refund(refund) => refund.settlement.map(|settlement| settlement.at_ms),
            Self::Dispute(dispute) => dispute.settlement.map(|settlement| settlement.at_ms),
            Self::StoredPayment(payment) => payment.settles_at_ms(),
            Self::StoredCob(cob) => cob.settles_at_ms(),
            Self::Charge(_)
            | Self::StoredPreference(_)
            | Self::PaymentMethod(_)
            | Self::StripeCustomer(_)
            | Self::StripeTransfer(_)
            | Self::StripeReversal(_)
            | Self::WebhookEndpoint(_) => None,
        }
    }

    pub fn view(&self) -> SnapshotView<'_> {
        match self {
            Self::Intent(intent) => SnapshotView::Intent(Box::new(intent.view())),
            Self::Charge(charge) => SnapshotView::Charge(Box::new(charge.view())),
            Self::Refund(refund) => SnapshotView::Refund(Box::new(refund.view())),
            Self::Dispute(dispute) => SnapshotView::Other(dispute.view()),
            Self::StripeTransfer(transfer) => SnapshotView::Other(transfer.view()),
            Self::StripeReversal(reversal) => SnapshotView::Other(reversal.view()),
            Self::PaymentMethod(method) => SnapshotView::Other(method.view()),
            Self::StripeCustomer(customer) => SnapshotView::Other(customer.view()),
            Self::StoredPayment(payment) => SnapshotView::Payment(Box::new(payment.view())),
            Self::StoredPreference(preference) => {
                SnapshotView::Other(serde_json::from_slice(&preference.render()).unwrap_or_default())
            }
            Self::StoredCob(cob) => SnapshotView::Other(cob.view()),
            Self::WebhookEndpoint(endpoint) => SnapshotView::Other(endpoint.view(true)),
        }
    }
}
