use api::Code;
use api::requests::ListQuery;
use api::views::Refund;
use axum::extract::State;
use domain::{PaymentId, Refusal, rows};
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Payments;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/payments/{id}/refunds", "list_refunds", handle)
        .about("List a payment's refunds", "Oldest first.")
        .answers_page::<Refund>(200, "A page of refunds.")
        .refuses(&[Code::PaymentNotFound])
}

async fn handle(
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
