//! `POST /v1/charges`: the short form of `POST /v1/payments`.

use api::requests::NewCharge;
use axum::extract::State;

use super::create_payment::start;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::permission::Payments;
use crate::http::write_request::WriteRequest;

pub async fn handle(State(app): State<App>, mut call: WriteRequest<Payments, NewCharge>) -> Handled {
    let claim = call.keyed()?;
    start(&app, call.caller, claim, call.wait, call.request.into()).await
}
