use api::Code;
use api::requests::NewRecordedRefund;
use api::views::Refund;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::{RecordRefund, Recorder};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::KeyedRequest;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/recorded_refunds", "record_refund", handle)
        .about("Record a refund", "Money of a recorded payment that a person gave back.")
        .answers::<Refund>(201, "Recorded.")
        .refuses(&[
            Code::PaymentNotFound,
            Code::PaymentWasNotRecorded,
            Code::RefundExceedsCapture,
            Code::TooManyRefunds,
        ])
}

async fn handle(State(app): State<App>, call: KeyedRequest<Ops, NewRecordedRefund>) -> Handled {
    let NewRecordedRefund { payment_id, amount, who, why, metadata } = call.request;
    let by = Recorder { claim: call.claim, mode: call.caller.mode, who, why: Some(why) };
    let payment = PaymentId(payment_id);
    submit(&app, RecordRefund { by, payment, amount: amount.map(Into::into), metadata }).await
}
