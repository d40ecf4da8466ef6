use api::Code;
use domain::{PayoutId, Refusal};

use crate::http::endpoint::Endpoint;
use crate::http::history;
use crate::http::permission::Payouts;

pub fn endpoint() -> Endpoint {
    history::endpoint::<Payouts, _>(
        "/v1/payouts/{id}/history",
        "get_payout_history",
        |app, tenant, id| async move {
            app.store().payout(tenant, PayoutId(id)).await?.ok_or(Refusal::PayoutNotFound)?;
            Ok(())
        },
    )
    .about("Get a payout's history", "Who moved it, when, and from where to where; oldest first.")
    .refuses(&[Code::PayoutNotFound])
}
