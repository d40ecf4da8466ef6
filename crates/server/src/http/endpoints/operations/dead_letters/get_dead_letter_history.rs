use api::Code;

use super::letter::given_up;
use crate::http::endpoint::Endpoint;
use crate::http::history;
use crate::http::permission::Ops;

pub fn endpoint() -> Endpoint {
    history::endpoint::<Ops, _>(
        "/v1/ops/dead_letters/{id}/history",
        "get_dead_letter_history",
        |app, tenant, id| async move {
            given_up(&app, tenant, id).await?;
            Ok(())
        },
    )
    .about("Get a dead letter's history", "Who did what with it, when and why; oldest first.")
    .refuses(&[Code::DeadLetterNotFound])
}
