use api::views::DeadLetter;
use axum::extract::State;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/dead_letters", "list_dead_letters", handle)
        .about(
            "List dead letters",
            "Work that was given up: jobs, providers' events, and messages at a consumer. Those that \
             were given up first come first.",
        )
        .answers_page::<DeadLetter>(200, "A page of letters.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, page: PageRequest) -> Handled {
    let letters = app.store().dead_letters(look.caller.tenant, page.after, page.rows_max()).await?;
    Ok(found(&page.of(letters, |letter| (letter.moved_at(), letter.id()), |letter| DeadLetter::of(&letter))))
}
