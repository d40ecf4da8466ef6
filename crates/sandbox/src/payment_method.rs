//! A PaymentMethod as the books store it, and as Stripe shows it: a test card with an id of its
//! own.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    card::{CardRef, PAYERS_TAX_ID},
    parameters::StripeMetadata,
    shipping::Address,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaymentMethod {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub card: CardRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<Box<Billing>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_redisplay: Option<String>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
    /// It has paid, or was detached from a customer: without a customer it cannot pay again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub used: bool,
    /// The customer that it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// A payment by the present payer has set it up for charges without the payer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_set_up: bool,
}

/// Null for values that were not given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Billing {
    pub address: Address,
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub tax_id: Option<String>,
}

impl PaymentMethod {
    /// A new payment method for a name such as `pm_card_visa`.
    pub fn of_card(id: String, created: i64, card: CardRef) -> Self {
        Self {
            id,
            created,
            card,
            billing: None,
            allow_redisplay: None,
            metadata: StripeMetadata::new(),
            used: false,
            customer: None,
            is_set_up: false,
        }
    }

    /// The members and their order follow the SDK's `PaymentMethod`.
    pub fn view(&self) -> Value {
        let card = self.card.0;
        let details = match card.kind() {
            "pix" => json!({}),
            "boleto" => json!({"tax_id": PAYERS_TAX_ID}),
            _ => self.card_view(),
        };
        let mut shown = json!({
            "id": self.id, "object": "payment_method",
            "allow_redisplay": self.allow_redisplay.as_deref().unwrap_or("unspecified"),
            "billing_details": self.billing.as_deref().unwrap_or(&Billing::default()),
            "created": self.created, "customer": self.customer, "customer_account": null, "livemode": false,
            "metadata": self.metadata, "type": card.kind(),
        });
        shown[card.kind()] = details;
        shown
    }

    fn card_view(&self) -> Value {
        let card = self.card.0;
        let cvc_check = if self.used { "pass" } else { "unchecked" };
        json!({
            "brand": card.brand, "country": "US", "display_brand": card.brand, "exp_month": 12,
            "exp_year": 2034, "fingerprint": card.id, "funding": "credit", "generated_from": null,
            "last4": card.last4, "networks": {"available": [card.brand], "preferred": null},
            "regulated_status": "unregulated", "three_d_secure_usage": {"supported": true}, "wallet": null,
            "checks": {
                "address_line1_check": null, "address_postal_code_check": null, "cvc_check": cvc_check,
            },
        })
    }
}
