//! Customers, <https://docs.stripe.com/api/customers>: what saved payment methods are attached to.
//!
//! A Customer here has no name and no address. Its metadata says which of our customers it stands for, by an id
//! that is a hash.

use domain::{CustomerId, provider::CallOutcome};
use serde::Deserialize;

use super::{client::StripeClient, form::Form, objects::checked_id, outcome};
use crate::CustomerOrder;

#[derive(Deserialize)]
pub struct StripeCustomer {
    id: String,
    object: String,
    #[serde(default)]
    deleted: bool,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    surehold_customer: Option<String>,
}

impl StripeCustomer {
    /// An intermediary may mix up two replies, and a card must never be saved for somebody else.
    pub fn checked(self, ours: CustomerId) -> Result<String, String> {
        if self.object != "customer" || self.deleted {
            return Err("the reply is not a customer".to_owned());
        }
        let named = self.metadata.and_then(|metadata| metadata.surehold_customer);
        if named.as_deref() != Some(ours.to_string().as_str()) {
            return Err("the reply is about another customer".to_owned());
        }
        checked_id(self.id)
    }
}

/// The same order always becomes the same bytes and the same key.
pub async fn create(client: &StripeClient, order: &CustomerOrder) -> CallOutcome<String> {
    let form = Form::new()
        .with("metadata[surehold_customer]", &order.customer.to_string())
        .with("metadata[tenant]", &order.tenant.to_string());
    let key = format!("surehold-{}-customer-{}-{}", order.id, order.version, order.key_number);
    let result = client.post("/v1/customers", form, &key, &order.id.to_string()).await;
    outcome::customer(result, order.customer)
}
