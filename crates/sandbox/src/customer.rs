//! A Customer as the books store it, and as Stripe shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::parameters::StripeMetadata;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StripeCustomer {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
    #[serde(default)]
    pub deleted: bool,
    /// The idempotency key of the call that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl StripeCustomer {
    /// The members and their order follow the SDK's `Customer`, and `DeletedCustomer` after its deletion.
    pub fn view(&self) -> Value {
        if self.deleted {
            return json!({"id": self.id, "object": "customer", "deleted": true});
        }
        json!({
            "id": self.id, "object": "customer", "address": null, "balance": 0, "created": self.created,
            "currency": null, "customer_account": null, "default_source": null, "delinquent": false,
            "description": self.description, "discount": null, "email": self.email,
            "invoice_prefix": invoice_prefix(&self.id),
            "invoice_settings": {
                "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
            },
            "livemode": false, "metadata": self.metadata, "name": self.name, "next_invoice_sequence": 1,
            "phone": self.phone, "preferred_locales": [], "shipping": null, "tax_exempt": "none",
            "test_clock": null,
        })
    }
}

fn invoice_prefix(id: &str) -> String {
    let signs = id.chars().rev().filter(char::is_ascii_alphanumeric).take(8);
    signs.collect::<String>().to_ascii_uppercase()
}
