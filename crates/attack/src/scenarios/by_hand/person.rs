//! A person with the provider's dashboard, and with the list of review cases.

use serde_json::{Value, json};

use super::at_the_provider::{self as by_hand, ByHand};
use crate::methods::{PaymentMethod, STRIPE};
use crate::{Deployment, Error, ExpectedEffect, OperationAnswer, OperationRequest, ScenarioContext};
use outbound::{HttpConnection, HttpReply};
use testkit::program::Resident;

pub struct Person {
    context: ScenarioContext,
    provider: HttpConnection,
    resident: Resident,
    method: &'static PaymentMethod,
    ours: HttpConnection,
    ops_key: String,
}

fn unexpected(operation: &str, response: &HttpReply) -> Error {
    let outcome = format!("{}: {}", response.status, response.text());
    Error::Unexpected { operation: operation.to_owned(), outcome }
}

impl Person {
    pub fn of(context: &ScenarioContext, deployment: &Deployment) -> Result<Person, Error> {
        let own = &deployment.installation()?.residents()[0];
        Ok(Person {
            context: context.clone(),
            provider: HttpConnection::new(deployment.sandbox_url()?),
            resident: own.clone(),
            method: &STRIPE,
            ours: HttpConnection::new(deployment.target.base_urls.first().map_or("", String::as_str)),
            ops_key: format!("Bearer {}", deployment.target.ops_key.as_deref().unwrap_or_default()),
        })
    }

    /// Acts at the provider of this method.
    pub fn at(self, method: &'static PaymentMethod) -> Person {
        Person { method, ..self }
    }

    /// Refunds a part of the operation `of`. The refund has no metadata of ours.
    pub async fn refunds(&mut self, name: &str, of: &str, object: &str, minor: i64) -> Result<(), Error> {
        let action = by_hand::refund(self.method, object, minor)?;
        self.acts(name, action, ExpectedEffect::Refund { of: of.to_owned(), minor }).await?;
        if self.context.scenario.sometimes.contains(&"refunded_by_hand") {
            self.context.findings.reached("refunded_by_hand");
        }
        Ok(())
    }

    pub async fn captures(&mut self, name: &str, of: &str, object: &str, minor: i64) -> Result<(), Error> {
        let wants = ExpectedEffect::Capture { of: of.to_owned(), minor };
        self.acts(name, by_hand::capture(self.method, object, minor)?, wants).await?;
        self.context.findings.reached("captured_by_hand");
        Ok(())
    }

    pub async fn lets_go(&mut self, name: &str, of: &str, object: &str) -> Result<(), Error> {
        let wants = ExpectedEffect::Void { of: of.to_owned() };
        self.acts(name, by_hand::void(self.method, object)?, wants).await?;
        self.context.findings.reached("let_go_by_hand");
        Ok(())
    }

    async fn acts(&mut self, name: &str, action: ByHand, wants: ExpectedEffect) -> Result<(), Error> {
        let ByHand { method, path, body, content_type, key_header } = action;
        let request = OperationRequest { body, ..OperationRequest::new(name, &path, &Value::Null, wants) };
        let ticket = self.context.journal.record_request(&request).await?;
        let bearer = self.bearer();
        let headers =
            [("authorization", bearer.as_str()), ("content-type", content_type), (key_header, name)];
        let response = self.provider.request(method, &path, &headers, request.body).await?;
        self.context.journal.record_answer(ticket, &OperationAnswer::of(&response));
        if response.status.is_success() { Ok(()) } else { Err(unexpected(name, &response)) }
    }

    /// The authorization of a call to the provider.
    fn bearer(&self) -> String {
        let account = self.resident.account_at(self.method.provider);
        format!("Bearer {}", account.map_or("", |account| &account.secret_key))
    }

    /// The customer's bank disputes this amount. Returns the dispute's id.
    pub async fn sees_a_dispute(&mut self, object: &str, minor: i64) -> Result<String, Error> {
        let order = json!({ "amount": minor, "reason": "fraudulent" });
        let dispute = self.order(&format!("/sandbox/dispute/{object}"), &order).await?;
        Ok(dispute["id"].as_str().unwrap_or_default().to_owned())
    }

    /// The bank asks about the payment, before it takes anything. Returns the dispute's id.
    pub async fn sees_an_inquiry(&mut self, object: &str) -> Result<String, Error> {
        let dispute = self.order(&format!("/sandbox/dispute/{object}"), &json!({ "inquiry": true })).await?;
        Ok(dispute["id"].as_str().unwrap_or_default().to_owned())
    }

    /// The dispute as the provider shows it.
    pub async fn looks_at_a_dispute(&mut self, dispute: &str) -> Result<Value, Error> {
        let path = format!("/v1/disputes/{dispute}");
        let bearer = self.bearer();
        let response = self.provider.get(&path, &[("authorization", bearer.as_str())]).await?;
        if !response.status.is_success() {
            return Err(unexpected(&path, &response));
        }
        response.json().map_err(|error| Error::Unreadable(path, error.to_string()))
    }

    /// A bank acts by a route of the sandbox.
    pub async fn sees_a_bank_act(&mut self, path: &str, order: &Value) -> Result<(), Error> {
        self.order(path, order).await.map(drop)
    }

    /// The bank decides.
    pub async fn sees_it_decided(&mut self, dispute: &str, outcome: &str) -> Result<(), Error> {
        self.order(&format!("/sandbox/disputes/{dispute}"), &json!({ "outcome": outcome })).await.map(drop)
    }

    async fn order(&mut self, path: &str, order: &Value) -> Result<Value, Error> {
        let response = self.provider.post(path, &[], order.to_string()).await?;
        if !response.status.is_success() {
            return Err(unexpected(path, &response));
        }
        response.json().map_err(|error| Error::Unreadable(path.to_owned(), error.to_string()))
    }

    /// The open cases.
    pub async fn open_cases(&mut self) -> Result<Vec<Value>, Error> {
        const PATH: &str = "/v1/ops/review_cases?limit=200";
        let response = self.ours.get(PATH, &[("authorization", &self.ops_key)]).await?;
        let page = response.json().map_err(|error| Error::Unreadable(PATH.to_owned(), error.to_string()))?;
        Ok(page["data"].as_array().cloned().unwrap_or_default())
    }

    pub async fn closes_every_case(&mut self) -> Result<(), Error> {
        for case in self.open_cases().await? {
            let id = case["id"].as_str().unwrap_or_default();
            let path = format!("/v1/ops/review_cases/{id}/resolve");
            let headers = [("authorization", self.ops_key.as_str()), ("content-type", "application/json")];
            let resolution = json!({ "resolution": "it is settled by hand" }).to_string();
            let response = self.ours.post(&path, &headers, resolution).await?;
            // A webhook may have closed the case in the meantime.
            if !response.status.is_success() && response.status != 409 {
                return Err(unexpected(&path, &response));
            }
        }
        Ok(())
    }
}
