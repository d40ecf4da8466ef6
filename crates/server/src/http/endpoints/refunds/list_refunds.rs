use api::Code;
use api::views::Refund;
use axum::extract::State;
use domain::{PaymentId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Payments;
use crate::http::read_request::{ReadRequest, found};
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
    page: PageRequest,
) -> Handled {
    let tenant = look.caller.tenant;
    let payment = app.store().payment(tenant, PaymentId(id)).await?.ok_or(Refusal::PaymentNotFound)?;
    let refunds = app.store().refunds_of_payment(tenant, payment.id, page.after, page.rows_max()).await?;
    Ok(found(&page.of(refunds, |row| (row.created_at, row.id.0), |row| Refund::of(&row))))
}
