use api::requests::ListQuery;
use api::views::DeadLetter;
use axum::extract::State;
use domain::reply;
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ops;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/dead_letters", "list_dead_letters", handle)
        .about(
            "List dead letters",
            "Work that was given up: jobs, providers' events, and messages at a consumer. Those that \
             were given up first come first.",
        )
        .answers_page::<DeadLetter>(200, "A page of letters.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let letters = app.store().dead_letters(look.caller.tenant, after, limit + 1).await?;
    let at = |letter: &reply::DeadLetter| Cursor { created_at: letter.moved_at(), id: letter.id() };
    Ok(found(&page(letters, limit, at, |letter| DeadLetter::of(&letter))))
}
