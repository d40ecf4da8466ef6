use api::Code;
use api::views::Movement;
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
    Endpoint::get("/v1/payments/{id}/movements", "list_movements", handle)
        .about(
            "List the movements of a payment's money",
            "Captures, refunds and disputes as the provider moved them, whoever asked for them; \
             oldest first.",
        )
        .answers_page::<Movement>(200, "A page of movements.")
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
    let movements = app.store().movements_of_payment(tenant, payment.id, page.after, page.rows_max()).await?;
    Ok(found(&page.of(movements, |row| (row.recorded_at, row.id.0), |row| Movement::of(&row))))
}
