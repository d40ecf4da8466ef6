use api::Code;
use api::requests::NewReconciliation;
use api::time::timestamp;
use api::views::Reconciliation;
use axum::Extension;
use axum::extract::State;
use domain::Refusal;
use domain::commands::{StartReconciliation, StartedBy};
use domain::time::Span;

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::WriteRequest;
use crate::http::{App, RefusedRequest, RequestId};
use crate::ports::clock::SystemClock;
use store::Clock as _;

const DAY: Span = Span::seconds(24 * 60 * 60);

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/reconciliations", "start_reconciliation", handle)
        .about(
            "Compare the provider's books with ours",
            "Starts a run over the account's objects of a time, by default of the last day. What the \
             provider has and our books lack is fetched and applied as evidence; every difference that \
             is left is a row. One run of an account is under way at a time.",
        )
        .answers::<Reconciliation>(202, "The run, which goes on.")
        .refuses(&[Code::ProviderAccountNotFound, Code::ReconciliationIsRunning])
}

async fn handle(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, NewReconciliation>,
) -> Handled {
    let (caller, request) = (call.caller, call.request);
    let account = app.parts.accounts.account(caller.tenant, &request.provider, caller.mode);
    let account = account.ok_or(Refusal::AccountNotFound)?;
    // Providers list by the time of day.
    let ends_at = request.to.map_or_else(|| SystemClock.now(), timestamp);
    let begins_at = request.from.map_or_else(|| ends_at.minus(DAY), timestamp);
    if ends_at <= begins_at {
        return Err(RefusedRequest::parameter("from", "must be earlier than to".to_owned()));
    }
    let by = StartedBy::Person {
        client: caller.client,
        mode: caller.mode,
        request_id: request_id.as_str().to_owned(),
        person: request.who,
        begins_at,
        ends_at,
    };
    submit(&app, StartReconciliation { claim: call.claim, tenant: caller.tenant, account, by }).await
}
