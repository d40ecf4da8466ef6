//! Payment methods that are attached to a Customer,
//! <https://docs.stripe.com/api/payment_methods/customer_list> and
//! <https://docs.stripe.com/api/payment_methods/detach>. A detached one can never be attached again.

use domain::provider::CallOutcome;
use domain::rows::FailureCause;
use serde::Deserialize;

use super::{
    client::StripeClient,
    form::Form,
    key,
    objects::{checked_id, instant},
    outcome,
};
use crate::{ObjectCall, SavedCard, SavedMethod, SavedMethods, exchange::segment, port::CUSTOMER_IS_MISSING};

/// The most that Stripe shows at once.
const PAGE: usize = 100;
const MISSING: &str = "resource_missing";

#[derive(Deserialize)]
struct Page {
    object: String,
    data: Vec<StripePaymentMethod>,
    has_more: bool,
}

#[derive(Deserialize)]
struct StripePaymentMethod {
    id: String,
    object: String,
    created: i64,
    customer: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    card: Option<Card>,
}

#[derive(Deserialize)]
struct Card {
    brand: String,
    last4: String,
    exp_month: i64,
    exp_year: i64,
}

impl StripePaymentMethod {
    fn shown(self) -> Result<SavedMethod, String> {
        if self.object != "payment_method" {
            return Err("the reply is not a payment method".to_owned());
        }
        let card = self.card.map(|card| SavedCard {
            brand: card.brand,
            last_digits: card.last4,
            expiry_month: card.exp_month,
            expiry_year: card.exp_year,
        });
        Ok(SavedMethod {
            object: checked_id(self.id)?,
            customer: self.customer,
            kind: self.kind,
            card,
            created_at: instant(self.created),
        })
    }

    /// An intermediary may mix up two replies, and nobody's card must be shown as somebody else's.
    fn shown_as(self, requested: &str) -> Result<SavedMethod, String> {
        let shown = self.shown()?;
        if shown.object == requested { Ok(shown) } else { Err(outcome::ANOTHER_OBJECT.to_owned()) }
    }
}

impl Page {
    fn shown(self, customer: &str) -> Result<SavedMethods, String> {
        if self.object != "list" {
            return Err("the reply is not a list".to_owned());
        }
        let methods = self.data.into_iter().map(StripePaymentMethod::shown).collect::<Result<Vec<_>, _>>()?;
        if methods.iter().any(|method| method.customer.as_deref() != Some(customer)) {
            return Err("the reply is about another customer".to_owned());
        }
        Ok(SavedMethods { methods, has_more: self.has_more })
    }
}

pub async fn list(client: &StripeClient, customer: &str) -> CallOutcome<SavedMethods> {
    let path = format!("/v1/customers/{}/payment_methods?limit={PAGE}", segment(customer));
    let result = client.get(&path, customer).await;
    match outcome::object(result, |page: Page| page.shown(customer)) {
        CallOutcome::Refused { code, object, .. } if code == MISSING => CallOutcome::Refused {
            code: CUSTOMER_IS_MISSING.to_owned(),
            cause: FailureCause::PaymentMethod,
            object,
        },
        outcome => outcome,
    }
}

pub async fn fetch(client: &StripeClient, object: &str) -> CallOutcome<Option<SavedMethod>> {
    let path = format!("/v1/payment_methods/{}", segment(object));
    let result = client.get(&path, object).await;
    match outcome::object(result, |method: StripePaymentMethod| method.shown_as(object).map(Some)) {
        CallOutcome::Refused { code, .. } if code == MISSING => CallOutcome::Object(None),
        outcome => outcome,
    }
}

pub async fn detach(client: &StripeClient, action: ObjectCall<'_>) -> CallOutcome<SavedMethod> {
    let ObjectCall { attempt, key_number, object } = action;
    let path = format!("/v1/payment_methods/{}/detach", segment(object));
    let result = client.post(&path, Form::new(), &key(attempt, "detach", key_number), object).await;
    outcome::object(result, |method: StripePaymentMethod| {
        let shown = method.shown_as(object)?;
        if shown.customer.is_some() { Err("it is still attached".to_owned()) } else { Ok(shown) }
    })
}
