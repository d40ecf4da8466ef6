//! The calls on payments, <https://www.mercadopago.com.br/developers/en/reference/payments>.

use domain::{
    Currency, Money, PaymentId,
    provider::{CallOutcome, Observation, ProviderStatus},
    rows::{FailureCause, PaymentMethod},
};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    api::Api,
    client::MercadoPagoClient,
    decimal::to_number,
    key,
    objects::{ProviderPayment, is_order},
    outcome::{self, RequestedPayment},
    payment_body::{check_amount, payment_body},
    preferences::is_page,
    settings::signed_notification_url,
};
use crate::{Guard, ObjectCall, PaymentOrder, ProviderSettings, exchange::segment};

pub struct Payments {
    pub client: MercadoPagoClient,
    /// The account's. A refund is shown without a currency.
    pub currency: Currency,
    pub notification_url: Option<String>,
}

#[derive(Serialize)]
struct CaptureBody {
    capture: bool,
    transaction_amount: Box<RawValue>,
}

#[derive(Serialize)]
pub struct CancelBody {
    pub status: &'static str,
}

/// What a search returns.
#[derive(Deserialize)]
struct FoundPayments {
    results: Vec<ProviderPayment>,
}

impl Payments {
    pub fn new(settings: &ProviderSettings, guard: &Guard) -> Result<Payments, String> {
        Ok(Payments {
            client: MercadoPagoClient::new(settings, guard)?,
            currency: settings.currency.unwrap_or(Currency::BRL),
            notification_url: signed_notification_url(settings),
        })
    }

    pub async fn create(&self, order: &PaymentOrder) -> CallOutcome<Observation> {
        if let PaymentMethod::Page { pay_until, instalments } = order.method {
            return self.create_page(order, pay_until, instalments).await;
        }
        if Api::of(order) == Api::Orders {
            return self.create_order(order).await;
        }
        let body = match payment_body(order, self.currency, self.notification_url.as_deref()) {
            Ok(body) => body,
            Err(code) => return never_sent(code),
        };
        let key = key(order.attempt, "create", order.key_number);
        let subject = order.operation.to_string();
        let result = self.client.change(Method::POST, "/v1/payments", Some(&body), key, &subject).await;
        outcome::payment(result, RequestedPayment::Ours(order.operation))
    }

    /// The search lags behind, so it only finds the id; the payment itself is fetched.
    pub async fn find(&self, order: &PaymentOrder) -> CallOutcome<Option<Observation>> {
        if Api::of(order) == Api::Orders {
            return self.find_order(order.operation, order.made_at).await;
        }
        let best = match self.of_reference(order.operation).await {
            Ok(found) => found.into_iter().rev().max_by_key(|found| rank(&found.status)),
            Err(outcome) => return outcome,
        };
        match best {
            Some(observation) => found_object(self.fetch(&observation.object).await),
            None => CallOutcome::Object(None),
        }
    }

    /// Every payment with our reference, newest first, as the search shows it.
    pub async fn of_reference<O>(&self, payment: PaymentId) -> Result<Vec<Observation>, CallOutcome<O>> {
        let found = self.found_by_reference(payment).await?;
        let observed: Result<Vec<Observation>, String> = found.iter().map(ProviderPayment::observe).collect();
        observed.map_err(|error| CallOutcome::Unknown { error, key_spent: false })
    }

    pub async fn found_by_reference<O>(
        &self,
        payment: PaymentId,
    ) -> Result<Vec<ProviderPayment>, CallOutcome<O>> {
        let reference = payment.0.hyphenated().to_string();
        let path =
            format!("/v1/payments/search?external_reference={reference}&sort=date_created&criteria=desc");
        let found: FoundPayments = outcome::search(self.client.get(&path, &reference).await)?;
        // A search whose parameter was ignored shows everybody's payments.
        Ok(found.results.into_iter().filter(|found| found.payment() == Some(payment)).collect())
    }

    pub async fn fetch(&self, object: &str) -> CallOutcome<Observation> {
        if is_page(object) {
            return self.fetch_page(object).await;
        }
        if is_order(object) {
            return self.fetch_order(object).await;
        }
        let result = self.client.get(&payment_path(object), object).await;
        outcome::payment(result, RequestedPayment::Object(object))
    }

    pub async fn capture(&self, action: ObjectCall<'_>, amount: Money) -> CallOutcome<Observation> {
        if let Err(code) = check_amount(amount, self.currency) {
            return never_sent(code);
        }
        if is_order(action.object) {
            return self.capture_order(action, amount).await;
        }
        let body = CaptureBody { capture: true, transaction_amount: to_number(amount) };
        self.update(action, "capture", &body).await
    }

    pub async fn cancel(&self, action: ObjectCall<'_>) -> CallOutcome<Observation> {
        if is_page(action.object) {
            return self.end_page(action).await;
        }
        if is_order(action.object) {
            return self.cancel_order(action).await;
        }
        self.update(action, "cancel", &CancelBody { status: "cancelled" }).await
    }

    pub async fn update(
        &self,
        action: ObjectCall<'_>,
        verb: &str,
        body: &impl Serialize,
    ) -> CallOutcome<Observation> {
        let ObjectCall { attempt, key_number, object } = action;
        let key = key(attempt, verb, key_number);
        let result = self.client.change(Method::PUT, &payment_path(object), Some(body), key, object).await;
        outcome::payment(result, RequestedPayment::Object(object))
    }
}

pub fn payment_path(object: &str) -> String {
    format!("/v1/payments/{}", segment(object))
}

/// Refused here.
pub fn never_sent<O>(code: &str) -> CallOutcome<O> {
    CallOutcome::Refused { code: code.to_owned(), cause: FailureCause::NotSent, object: None }
}

/// Several payments carry one reference if Mercado Pago forgot a key. The one with money matters
/// most, then one that money can still move; among equals, the newest.
pub fn rank(status: &ProviderStatus) -> u8 {
    match status {
        status if status.has_money() => 2,
        ProviderStatus::Failed(_) | ProviderStatus::Cancelled => 0,
        _ => 1,
    }
}

pub fn found_object(outcome: CallOutcome<Observation>) -> CallOutcome<Option<Observation>> {
    match outcome {
        CallOutcome::Object(observation) => CallOutcome::Object(Some(observation)),
        // The search has it, so it exists.
        CallOutcome::Refused { code, .. } => CallOutcome::Unknown { error: code, key_spent: false },
        CallOutcome::NotSent { error, retry_after_seconds, .. } => {
            CallOutcome::NotSent { error, retry_after_seconds, reached_provider: true }
        }
        CallOutcome::Unknown { error, key_spent } => CallOutcome::Unknown { error, key_spent },
    }
}
