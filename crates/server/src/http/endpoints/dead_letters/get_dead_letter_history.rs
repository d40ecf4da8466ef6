//! `GET /v1/ops/dead_letters/{id}/history`: who did what with it, when and why.

use api::requests::ListQuery;
use axum::extract::State;

use super::letter::given_up;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::history::history;
use crate::http::permission::Ops;
use crate::http::read_request::{QueryParameters, ReadRequest};
use crate::http::write_request::Id;

pub async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    given_up(&app, tenant, id).await?;
    history(&app, tenant, id, &query).await
}
