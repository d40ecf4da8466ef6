use api::views::Breaker;
use axum::extract::State;
use domain::{AccountId, Timestamp};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/breakers", "list_breakers", handle)
        .about(
            "List circuit breakers",
            "The way to each of the tenant's accounts at providers, as the process that answers knows \
             it. Each process that calls providers has its own; one that only serves the API calls \
             none, and lists none: there, look at `surehold_breaker_state`.",
        )
        .answers_page::<Breaker>(200, "A page of those of the asking key's mode.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, page: PageRequest) -> Handled {
    let mut rows = app.parts.accounts.breakers(look.caller.tenant, look.caller.mode);
    // By an order that every process has, whichever accounts it knows.
    let id = |row: &Breaker| AccountId::of(&row.provider, &row.account).0;
    rows.sort_by_key(id);
    rows.retain(|row| page.after.is_none_or(|after| id(row) > after.id));
    Ok(found(&page.of(rows, |row| (Timestamp(0), id(row)), |row| row)))
}
