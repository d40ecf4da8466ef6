//! `GET /v1/refunds/{id}` and `GET /v1/payments/{id}/refunds`.

use api::requests::ListQuery;
use api::views::Refund;
use axum::extract::State;
use domain::{PaymentId, RefundId, Refusal, rows};
use store::queries::Cursor;

use super::App;
use super::answer::Handled;
use super::listing::{cursor, limit, page};
use super::permission::Payments;
use super::read_request::{QueryParameters, ReadRequest, found};
use super::write_request::Id;

pub async fn one(State(app): State<App>, look: ReadRequest<Payments>, Id(id): Id) -> Handled {
    let refund = app.store().refund(look.caller.tenant, RefundId(id)).await?;
    Ok(found(&Refund::of(&refund.ok_or(Refusal::RefundNotFound)?)))
}

/// Oldest first.
pub async fn of_payment(
    State(app): State<App>,
    look: ReadRequest<Payments>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let payment = app.store().payment(tenant, PaymentId(id)).await?.ok_or(Refusal::PaymentNotFound)?;
    let refunds = app.store().refunds_of_payment(tenant, payment.id, after, limit + 1).await?;
    let at = |row: &rows::Refund| Cursor { created_at: row.created_at, id: row.id.0 };
    Ok(found(&page(refunds, limit, at, |row| Refund::of(&row))))
}
