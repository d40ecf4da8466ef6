use api::Code;
use api::requests::{PayoutRecord, RecordedOutcome as Outcome};
use api::views::Payout;
use axum::extract::State;
use domain::PayoutId;
use domain::commands::{RecordPayout, RecordedOutcome};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::submit::submit;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/payouts/{id}/record", "record_payout", handle)
        .about(
            "Record a payout",
            "A person says what was paid by hand, what was found out about a payout in review, or what \
             came back. Name and reason are in the audit.",
        )
        .answers::<Payout>(200, "The payout as it is now.")
        .refuses(&[Code::PayoutNotFound, Code::StateDoesNotAllowIt, Code::PayoutIsBeingReversed])
}

async fn handle(State(app): State<App>, Id(id): Id, call: KeyedRequest<Payouts, PayoutRecord>) -> Handled {
    let request = call.request;
    let known = app.store().payout(call.caller.tenant, PayoutId(id)).await?;
    let command = RecordPayout {
        claim: call.claim,
        mode: call.caller.mode,
        payout: PayoutId(id),
        reversal: known.map_or(0, |payout| payout.reversal),
        outcome: match request.outcome {
            Outcome::Paid => RecordedOutcome::Paid,
            Outcome::Failed => RecordedOutcome::Failed,
            Outcome::Returned => RecordedOutcome::Returned,
        },
        reference: request.reference,
        person: request.who,
        why: request.why,
    };
    submit(&app, command).await
}
