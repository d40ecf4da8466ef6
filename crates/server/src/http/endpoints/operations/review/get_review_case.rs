use api::Code;
use api::views::{Payment, ReviewCase, ReviewCaseDetail};
use axum::extract::State;

use super::case::{actions, case, payment};
use super::timeline::timeline;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/review_cases/{id}", "get_review_case", handle)
        .about(
            "Get a review case",
            "With everything that is known of it in one timeline, and the actions that its state allows.",
        )
        .answers::<ReviewCaseDetail>(200, "The case.")
        .refuses(&[Code::ReviewCaseNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, Id(id): Id) -> Handled {
    let case = case(&app, look.caller.tenant, id).await?;
    let payment = payment(&app, &case, look.caller.mode).await?;
    let timeline = timeline(&app, &case, payment.as_ref()).await?;
    let actions = actions(&case, payment.as_ref()).into_iter().map(str::to_owned).collect();
    let payment = payment.as_ref().map(Payment::of);
    Ok(found(&ReviewCaseDetail { case: ReviewCase::of(&case), payment, actions, timeline }))
}
