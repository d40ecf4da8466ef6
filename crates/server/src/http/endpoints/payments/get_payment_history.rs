use api::Code;
use domain::{PaymentId, Refusal};

use crate::http::endpoint::Endpoint;
use crate::http::history;
use crate::http::permission::Payments;

pub fn endpoint() -> Endpoint {
    history::endpoint::<Payments, _>(
        "/v1/payments/{id}/history",
        "get_payment_history",
        |app, tenant, id| async move {
            app.store().payment(tenant, PaymentId(id)).await?.ok_or(Refusal::PaymentNotFound)?;
            Ok(())
        },
    )
    .about("Get a payment's history", "Who moved it, when, and from where to where; oldest first.")
    .refuses(&[Code::PaymentNotFound])
}
