use api::Code;
use domain::{DisputeId, Refusal};

use crate::http::endpoint::Endpoint;
use crate::http::history;
use crate::http::permission::Payments;

pub fn endpoint() -> Endpoint {
    history::endpoint::<Payments, _>(
        "/v1/disputes/{id}/history",
        "get_dispute_history",
        |app, tenant, id| async move {
            app.store().dispute(tenant, DisputeId(id)).await?.ok_or(Refusal::DisputeNotFound)?;
            Ok(())
        },
    )
    .about("Get a dispute's history", "Who moved it, when, and from where to where; oldest first.")
    .refuses(&[Code::DisputeNotFound])
}
