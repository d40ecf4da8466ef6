//! `GET /v1/refunds/{id}` and `GET /v1/payments/{id}/refunds`.

use api::views::{Page, Refund};
use axum::extract::State;
use domain::{PaymentId, RefundId, Refusal};

use super::App;
use super::answer::Handled;
use super::call::Id;
use super::look::{Look, found};
use super::permission::Payments;

pub async fn one(State(app): State<App>, look: Look<Payments>, Id(id): Id) -> Handled {
    let refund = app.store().refund(look.caller.tenant, RefundId(id)).await?;
    Ok(found(&Refund::of(&refund.ok_or(Refusal::RefundNotFound)?)))
}

/// All of them: a payment has a limited number.
pub async fn of_payment(State(app): State<App>, look: Look<Payments>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let payment = app.store().payment(tenant, PaymentId(id)).await?.ok_or(Refusal::PaymentNotFound)?;
    let refunds = app.store().refunds_of_payment(tenant, payment.id).await?;
    Ok(found(&Page::whole(refunds.iter().map(Refund::of).collect())))
}
