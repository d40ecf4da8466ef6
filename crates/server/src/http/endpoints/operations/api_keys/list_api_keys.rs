use api::views::ApiKey;
use axum::extract::State;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/api_keys", "list_api_keys", handle)
        .about("List API keys", "Those of the asking key's mode, newest first, and never a secret.")
        .answers_page::<ApiKey>(200, "A page of keys.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, page: PageRequest) -> Handled {
    let caller = look.caller;
    let keys = app.store().api_keys_of(caller.tenant, caller.mode, page.after, page.rows_max()).await?;
    Ok(found(&page.of(
        keys,
        |(key, _)| (key.created_at, key.id.0),
        |(key, client)| ApiKey::of(&key, &client),
    )))
}
