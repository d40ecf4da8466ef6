//! Another program of the tenant makes a payment under our reference, for another amount, while our call
//! has not reached the provider. Our search finds that payment; it is not ours.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::followed_within;
use super::person::Person;
use crate::methods::MERCADO_PAGO;
use crate::operation_request::{MARK, PRICE_MINOR};
use crate::{Deployment, Error, ExpectedEffect, OperationAnswer, OperationRequest, ScenarioContext};
use outbound::HttpConnection;

const HOLD_SECONDS: u32 = 3_600;
/// What the other payment is for.
const OTHER: &str = "1.00";
const OTHER_MINOR: i64 = 100;
const POLL_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn run(context: &ScenarioContext, deployment: &mut Deployment) -> Result<(), Error> {
    let name = context.operation("impostor");
    let mut caller = context.caller(&deployment.target, 0);
    let catalogue = deployment.target.catalogue_for(&MERCADO_PAGO);
    let hold = OperationRequest::hold(&format!("{name}-hold"), catalogue, 0, HOLD_SECONDS);
    let held = caller.retry_until_definite(&hold).await?;
    let booking = held.id().filter(|_| held.is_success());
    let booking =
        booking.ok_or_else(|| Error::Unexpected { operation: name.clone(), outcome: held.summary() })?;
    let pay = OperationRequest::reserve_money(&format!("{name}-pay"), &booking, PRICE_MINOR, &MERCADO_PAGO)
        .that_may_be_refused();

    deployment.set_faults(json!({ "unavailable": 1 })).await?;
    let path = format!("/v1/payments?idempotency_key={}&limit=10", pay.key);
    let payment = loop {
        // It gets no answer while the provider is out of reach.
        caller.send_once(&pay).await?;
        let seen = caller.get(&path, None).await?;
        if let Some(payment) = seen["data"][0]["id"].as_str() {
            break payment.to_owned();
        }
    };
    let workers = deployment.workers();
    for worker in &workers {
        deployment.kill(worker).await?;
    }
    deployment.set_faults(json!({ "webhook_drop": 1 })).await?;
    makes_another(context, deployment, &name, &payment).await?;
    for worker in &workers {
        deployment.start_again(worker).await?;
    }
    let answer = caller.retry_until_definite(&pay).await?;
    let booked = caller.get(&format!("/v1/bookings/{booking}"), None).await?;
    let confirmed = answer.body["state"] == "authorized" || booked["state"] == "confirmed";
    context.findings.always("another_payment_is_not_ours", !confirmed, || {
        let (state, booking) = (&answer.body["state"], &booked["state"]);
        format!(
            "{OTHER_MINOR} were reserved under our reference: the payment is {state}, its booking {booking}"
        )
    });
    context.findings.reached("found_a_payment_that_is_not_ours");
    is_ended(context, deployment, &payment).await
}

/// The person closes the case, which ends the payment. The case may be opened only now.
async fn is_ended(context: &ScenarioContext, deployment: &Deployment, payment: &str) -> Result<(), Error> {
    let (mut caller, begun) = (context.caller(&deployment.target, 0), Instant::now());
    let mut person = Person::of(context, deployment)?;
    loop {
        person.closes_every_case().await?;
        let seen = caller.get(&format!("/v1/payments/{payment}"), None).await?;
        let is_open = seen["state"] == "created" || seen["state"] == "pending";
        if !is_open || begun.elapsed() > followed_within(context) {
            return Ok(());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// It reserves its money only, so that the figures of what was captured stay comparable.
async fn makes_another(
    context: &ScenarioContext,
    deployment: &Deployment,
    name: &str,
    payment: &str,
) -> Result<(), Error> {
    let name = format!("{name}-other");
    let body = format!(
        r#"{{"transaction_amount":{OTHER},"token":"approved","installments":1,"payment_method_id":"visa","capture":false,"payer":{{"email":"rui@example.com"}},"external_reference":"{payment}","metadata":{{"{MARK}":"{name}"}}}}"#
    );
    let wants = ExpectedEffect::Authorize { minor: OTHER_MINOR };
    let request =
        OperationRequest { body, ..OperationRequest::new(&name, "/v1/payments", &Value::Null, wants) };
    let ticket = context.journal.record_request(&request).await?;
    let own = &deployment.installation()?.residents()[0];
    let bearer = own
        .account_at(MERCADO_PAGO.provider)
        .map_or_else(String::new, |account| format!("Bearer {}", account.secret_key));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("x-idempotency-key", name.as_str()),
    ];
    let mut provider = HttpConnection::new(deployment.sandbox_url()?);
    let answer = provider.post("/v1/payments", &headers, request.body).await?;
    // The object carries no payment of ours.
    let status = answer.status.as_u16();
    context.journal.record_answer(ticket, &OperationAnswer::read(status, false, None, json!({})));
    if answer.status.is_success() {
        return Ok(());
    }
    Err(Error::Unexpected { operation: name, outcome: answer.text() })
}
