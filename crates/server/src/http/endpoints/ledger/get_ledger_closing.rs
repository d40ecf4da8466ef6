use api::views::LedgerClosing;
use axum::extract::State;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ledger;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ledger/closing", "get_ledger_closing", handle)
        .about("Get the last closed day", "Nothing is posted into it or into a day before it any more.")
        .answers::<LedgerClosing>(200, "How far the ledger is closed.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ledger>) -> Handled {
    let closing = app.store().ledger_closing(look.caller.tenant).await?;
    Ok(found(&closing.as_ref().map_or(LedgerClosing::NONE, LedgerClosing::of)))
}
