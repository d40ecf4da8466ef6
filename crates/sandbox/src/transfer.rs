//! A Transfer to a connected account, as the books store it and as Stripe shows it, with its reversals.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::parameters::StripeMetadata;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StripeTransfer {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    /// The connected account.
    pub destination: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reversals: Vec<StripeReversal>,
    /// The idempotency key of the call that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StripeReversal {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub transfer: String,
    pub amount: i64,
    pub currency: String,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
}

impl StripeTransfer {
    pub fn reversed_minor(&self) -> i64 {
        self.reversals.iter().map(|reversal| reversal.amount).sum()
    }

    pub fn view(&self) -> Value {
        let newest_first: Vec<Value> = self.reversals.iter().rev().map(StripeReversal::view).collect();
        json!({
            "id": self.id,
            "object": "transfer",
            "amount": self.amount,
            "amount_reversed": self.reversed_minor(),
            "balance_transaction": self.id.replacen("tr_", "txn_", 1),
            "created": self.created,
            "currency": self.currency,
            "description": self.description,
            "destination": self.destination,
            "destination_payment": self.id.replacen("tr_", "py_", 1),
            "livemode": false,
            "metadata": self.metadata,
            "reversals": {
                "object": "list",
                "data": newest_first,
                "has_more": false,
                "url": format!("/v1/transfers/{}/reversals", self.id),
            },
            "reversed": self.reversed_minor() == self.amount,
            "source_transaction": null,
            "source_type": "card",
            "transfer_group": self.group,
        })
    }
}

impl StripeReversal {
    pub fn view(&self) -> Value {
        json!({
            "id": self.id,
            "object": "transfer_reversal",
            "amount": self.amount,
            "balance_transaction": self.id.replacen("trr_", "txn_", 1),
            "created": self.created,
            "currency": self.currency,
            "destination_payment_refund": self.id.replacen("trr_", "pyr_", 1),
            "metadata": self.metadata,
            "source_refund": null,
            "transfer": self.transfer,
        })
    }
}
