use api::views::Settings;
use axum::extract::State;
use domain::Refusal;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/settings", "get_settings", handle)
        .about("Get the settings", "What the tenant chose.")
        .answers::<Settings>(200, "The settings.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>) -> Handled {
    let tenant = app.store().tenant(look.caller.tenant).await?.ok_or(Refusal::ClientNotFound)?;
    Ok(found(&Settings::of(&tenant)))
}
