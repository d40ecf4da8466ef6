//! What a payment does with saved payment methods, and how they are listed and removed.

use domain::rows::{PAYMENT_FORM, PIX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NewPayment, Request};
use crate::limits::REFERENCE_CHARS_MAX;
use crate::validation_errors::ValidationErrors;

/// That the payment method is saved for the customer once it has paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetupFutureUsage {
    /// To be charged later with `off_session`, while the customer is absent.
    OffSession,
}

/// A customer at an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedMethodsQuery {
    /// As in the payment that saved the method: your reference, or an e-mail address.
    #[schema(example = "customer-1042")]
    pub customer: String,
    /// The provider; without it the first one that saves payment methods.
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: Option<String>,
    /// The account's configured name; without it the first account that fits.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    pub account: Option<String>,
}

/// A payment method that is not to be charged any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedMethodRemoval {
    /// As in the payment that saved the method: your reference, or an e-mail address.
    #[schema(example = "customer-1042")]
    pub customer: String,
    /// The token of the saved payment method.
    #[schema(example = "pm_1N3T0x")]
    pub payment_method: String,
    /// The provider; without it the first one that saves payment methods.
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: Option<String>,
    /// The account's configured name; without it the first account that fits.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    pub account: Option<String>,
}

impl SavedMethodRemoval {
    /// Where the method is looked for.
    pub fn owner(self) -> SavedMethodsQuery {
        SavedMethodsQuery { customer: self.customer, provider: self.provider, account: self.account }
    }
}

fn check_owner(
    findings: &mut ValidationErrors,
    customer: &str,
    provider: Option<&str>,
    account: Option<&str>,
) {
    findings.line("/customer", customer, REFERENCE_CHARS_MAX);
    if let Some(provider) = provider {
        findings.provider("/provider", provider);
    }
    if let Some(account) = account {
        findings.account("/account", account);
    }
}

impl Request for SavedMethodsQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        check_owner(findings, &self.customer, self.provider.as_deref(), self.account.as_deref());
    }
}

impl Request for SavedMethodRemoval {
    fn check(&self, findings: &mut ValidationErrors) {
        check_owner(findings, &self.customer, self.provider.as_deref(), self.account.as_deref());
        findings.payment_method("/payment_method", &self.payment_method);
    }
}

/// Whose payment method it is, and what cannot be saved or charged while the customer is absent.
pub(super) fn check(payment: &NewPayment, findings: &mut ValidationErrors) {
    let saves = payment.setup_future_usage.is_some();
    if payment.booking_id.is_some() && payment.customer.is_some() {
        findings.add("/customer", "must be absent with booking_id: a booking has its customer");
    }
    if (saves || payment.off_session) && payment.booking_id.is_none() && payment.customer.is_none() {
        findings.add("/customer", "is needed to save or to charge a saved payment method");
    }
    if saves && payment.payment_method == PIX {
        findings.add("/setup_future_usage", "must be absent with pix: a code is paid once");
    }
    if !payment.off_session {
        return;
    }
    if saves {
        findings.add("/setup_future_usage", "must be absent with off_session: the method is saved already");
    }
    if payment.payment_method == PIX || payment.payment_method == PAYMENT_FORM {
        findings.add("/payment_method", "must be a saved one with off_session");
    }
    if !payment.alternatives.is_empty() {
        findings.add("/alternatives", "must be absent with off_session: a method is saved at one account");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;
    use crate::requests::{NewCharge, Request};

    const BOOKING: &str = "00000000-0000-0000-0000-000000000006";

    fn found<R: Request + serde::de::DeserializeOwned>(body: &Value) -> Vec<String> {
        let found = decode::<R>(body.clone()).map_or_else(|findings| findings.errors().to_vec(), |_| vec![]);
        found.into_iter().map(|error| error.pointer).collect()
    }

    fn with(mut body: Value, over: &Value) -> Value {
        body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        body
    }

    #[test]
    fn a_saved_method_is_a_customers_and_is_charged_alone() {
        let check = |base: &Value, over: Value, expected: &[&str]| {
            let body = json!({ "provider": "stripe", "payment_method": "pm_card_visa" });
            let body = with(with(body, base), &over);
            assert_eq!(found::<NewPayment>(&body), expected, "{body}");
            if body.get("booking_id").is_none() && body.get("alternatives").is_none() {
                assert_eq!(found::<NewCharge>(&body), expected, "{body}");
            }
        };
        let amount = json!({ "minor": 1, "currency": "EUR" });
        let other = json!([{ "account": "acct_2", "payment_method": "tok_1" }]);
        let saves = json!({ "amount": amount, "setup_future_usage": "off_session", "customer": "c-1" });
        check(&saves, json!({}), &[]);
        check(&saves, json!({ "alternatives": other, "payment_method": "payment_form" }), &[]);
        check(&saves, json!({ "setup_future_usage": "on_session" }), &["/setup_future_usage"]);
        check(&saves, json!({ "customer": null }), &["/customer"]);
        check(&saves, json!({ "customer": " " }), &["/customer"]);
        check(&saves, json!({ "payment_method": "pix" }), &["/setup_future_usage"]);
        check(&saves, json!({ "off_session": true }), &["/setup_future_usage"]);
        let absent = json!({ "amount": amount, "off_session": true, "customer": "c-1" });
        check(&absent, json!({}), &[]);
        check(&absent, json!({ "customer": null }), &["/customer"]);
        check(&absent, json!({ "payment_method": "pix" }), &["/payment_method"]);
        check(&absent, json!({ "payment_method": "payment_form" }), &["/payment_method"]);
        check(&absent, json!({ "alternatives": other }), &["/alternatives"]);
        let booking = json!({ "booking_id": BOOKING });
        check(&booking, json!({ "setup_future_usage": "off_session" }), &[]);
        check(&booking, json!({ "off_session": true }), &[]);
        check(&booking, json!({ "customer": "c-1" }), &["/customer"]);
        check(&json!({ "amount": amount }), json!({ "customer": "c-1" }), &[]);
    }
}
