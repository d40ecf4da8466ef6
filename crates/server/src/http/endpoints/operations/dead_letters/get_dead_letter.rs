use api::Code;
use api::views::DeadLetter;
use axum::extract::State;

use super::letter::given_up;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::history::first_page;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/dead_letters/{id}", "get_dead_letter", handle)
        .about("Get a dead letter", "With its history, also after somebody has decided on it.")
        .answers::<DeadLetter>(200, "The letter.")
        .refuses(&[Code::DeadLetterNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let letter = given_up(&app, tenant, id).await?;
    let history = first_page(&app, tenant, id).await?;
    Ok(found(&DeadLetter::of(&letter).with_history(history)))
}
