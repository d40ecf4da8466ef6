use api::Code;
use api::requests::NewLedgerClosing;
use api::time::end_of;
use api::views::LedgerClosing;
use axum::Extension;
use axum::extract::State;
use domain::commands::{CloseLedger, Origin};
use domain::rows::Actor;

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::WriteRequest;
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ledger/closing", "close_ledger", handle)
        .about(
            "Close days",
            "Closes the ledger up to the end of a day in UTC that is over. What comes later is posted into an \
             open day. A closed day is never opened again; one that is closed already stays as it is.",
        )
        .answers::<LedgerClosing>(200, "How far the ledger is closed now.")
        .refuses(&[Code::LedgerDayIsNotOver])
}

async fn handle(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, NewLedgerClosing>,
) -> Handled {
    let origin = Origin {
        request_id: Some(request_id.as_str().to_owned()),
        person: Some(call.request.who),
        ..Origin::of(Actor::Client(call.caller.client))
    };
    let command = CloseLedger {
        claim: call.claim,
        tenant: call.caller.tenant,
        origin,
        ends_at: end_of(call.request.through),
        day: call.request.through.to_string(),
    };
    submit(&app, command).await
}
