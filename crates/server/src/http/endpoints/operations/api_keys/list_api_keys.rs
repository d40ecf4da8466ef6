use api::requests::ListQuery;
use api::views::ApiKey;
use axum::extract::State;
use domain::rows;
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ops;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/api_keys", "list_api_keys", handle)
        .about("List API keys", "Those of the asking key's mode, newest first, and never a secret.")
        .answers_page::<ApiKey>(200, "A page of keys.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let caller = look.caller;
    let keys = app.store().api_keys_of(caller.tenant, caller.mode, after, limit + 1).await?;
    let at = |(key, _): &(rows::ApiKey, _)| Cursor { created_at: key.created_at, id: key.id.0 };
    Ok(found(&page(keys, limit, at, |(key, client)| ApiKey::of(&key, &client))))
}
