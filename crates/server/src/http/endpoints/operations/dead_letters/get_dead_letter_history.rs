use api::Code;
use api::requests::ListQuery;
use api::views::HistoryEntry;
use axum::extract::State;

use super::letter::given_up;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::history::history;
use crate::http::permission::Ops;
use crate::http::read_request::{QueryParameters, ReadRequest};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/dead_letters/{id}/history", "get_dead_letter_history", handle)
        .about("Get a dead letter's history", "Who did what with it, when and why; oldest first.")
        .answers_page::<HistoryEntry>(200, "A page of the history.")
        .refuses(&[Code::DeadLetterNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    given_up(&app, tenant, id).await?;
    history(&app, tenant, id, &query).await
}
