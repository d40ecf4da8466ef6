//! The calls on refunds, <https://www.mercadopago.com.br/developers/en/reference/chargebacks>. The
//! list of one payment's refunds is up to date, but it says of none who made it.

use domain::provider::{CallOutcome, RefundObservation};
use http::Method;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    decimal::to_number,
    key,
    objects::{ProviderRefund, is_order},
    outcome,
    payment_body::check_amount,
    payments::{Payments, never_sent, payment_path},
    preferences::is_page,
};
use crate::{ListedRefund, RefundOrder, exchange::segment};

#[derive(Serialize)]
struct RefundBody {
    amount: Box<RawValue>,
}

impl Payments {
    /// The amount is always sent: without one, all that is left is refunded.
    pub async fn refund(&self, refund: &RefundOrder) -> CallOutcome<RefundObservation> {
        if let Err(code) = check_amount(refund.amount, self.currency) {
            return never_sent(code);
        }
        if is_order(&refund.object) {
            return self.refund_order(refund).await;
        }
        let path = format!("{}/refunds", payment_path(&refund.object));
        let body = RefundBody { amount: to_number(refund.amount) };
        let key = key(refund.attempt, "refund", refund.key_number);
        let result = self.client.change(Method::POST, &path, Some(&body), key, &refund.object).await;
        outcome::refund(result, &refund.object, None, self.currency)
    }

    pub async fn refunds_of(&self, object: &str) -> CallOutcome<Vec<ListedRefund>> {
        if is_page(object) {
            // Nobody has paid on it.
            return CallOutcome::Object(Vec::new());
        }
        let listed = match self.list_refunds(object).await {
            Ok(listed) => listed,
            Err(outcome) => return outcome,
        };
        let observed = listed.iter().map(|refund| {
            let observation = refund.observe(self.currency)?;
            Ok(ListedRefund { refund: None, observation })
        });
        match observed.collect::<Result<Vec<ListedRefund>, String>>() {
            Ok(refunds) => CallOutcome::Object(refunds),
            Err(error) => CallOutcome::Unknown { error, key_spent: false },
        }
    }

    /// Complete: Mercado Pago does not divide this list into pages.
    pub async fn list_refunds<O>(&self, object: &str) -> Result<Vec<ProviderRefund>, CallOutcome<O>> {
        if is_order(object) {
            let order = outcome::looked_up(self.payment_of_order(object).await)?;
            return Ok(order.refunds.unwrap_or_default());
        }
        let path = format!("{}/refunds", payment_path(object));
        let listed: Vec<ProviderRefund> = outcome::list(self.client.get(&path, object).await)?;
        let is_of_payment = |refund: &ProviderRefund| {
            refund.payment_id.as_ref().is_none_or(|payment| payment.as_str() == object)
        };
        if listed.iter().all(is_of_payment) {
            return Ok(listed);
        }
        let error = "the list has refunds of another payment".to_owned();
        Err(CallOutcome::Unknown { error, key_spent: false })
    }

    pub async fn fetch_refund(&self, payment: &str, object: &str) -> CallOutcome<RefundObservation> {
        if is_order(payment) {
            return self.fetch_refund_of_order(payment, object).await;
        }
        let path = format!("{}/refunds/{}", payment_path(payment), segment(object));
        let result = self.client.get(&path, object).await;
        outcome::refund(result, payment, Some(object), self.currency)
    }
}
