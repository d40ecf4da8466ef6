use api::Code;
use domain::{RefundId, Refusal};

use crate::http::endpoint::Endpoint;
use crate::http::history;
use crate::http::permission::Payments;

pub fn endpoint() -> Endpoint {
    history::endpoint::<Payments, _>(
        "/v1/refunds/{id}/history",
        "get_refund_history",
        |app, tenant, id| async move {
            app.store().refund(tenant, RefundId(id)).await?.ok_or(Refusal::RefundNotFound)?;
            Ok(())
        },
    )
    .about("Get a refund's history", "Who moved it, when, and from where to where; oldest first.")
    .refuses(&[Code::RefundNotFound])
}
