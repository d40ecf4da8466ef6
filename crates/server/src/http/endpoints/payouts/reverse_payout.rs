use api::Code;
use api::requests::NewPayoutReversal;
use api::views::Payout;
use axum::extract::State;
use domain::PayoutId;
use domain::commands::ReversePayout;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::submit::submit;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/payouts/{id}/reverse", "reverse_payout", handle)
        .about(
            "Reverse a payout",
            "Takes a transfer back from the beneficiary, all of it or a part, once. The share is then owed \
             again. The payout shows the outcome in `returned` or `failure`, and so do the messages \
             `payout.returned` and `payout.reversal_failed`. Name and reason are in the audit. What a person \
             paid is not reversed, but recorded as returned.",
        )
        .answers::<Payout>(202, "The payout is being reversed: look at `Location`.")
        .refuses(&[
            Code::PayoutNotFound,
            Code::StateDoesNotAllowIt,
            Code::PayoutWasPaidByHand,
            Code::PayoutIsBeingReversed,
            Code::ReversalExceedsPayout,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: KeyedRequest<Payouts, NewPayoutReversal>,
) -> Handled {
    let request = call.request;
    let command = ReversePayout {
        claim: call.claim,
        mode: call.caller.mode,
        payout: PayoutId(id),
        amount: request.amount.map(Into::into),
        person: request.who,
        why: request.why,
    };
    submit(&app, command).await
}
