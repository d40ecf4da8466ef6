use api::Code;
use api::requests::NewCharge;
use api::views::Payment;
use axum::extract::State;

use super::create_payment::start;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payments;
use crate::http::prefer::Wait;
use crate::http::write_request::KeyedRequest;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/charges", "create_charge", handle)
        .about("Charge an amount", "The short form of a payment with automatic capture.")
        .answers::<Payment>(201, "Authorized or captured, or `next_action` tells what the customer must do.")
        .answers::<Payment>(202, "In progress: ask again with the same key, or look at `Location`.")
        .refuses(&[
            Code::PaymentDeclined,
            Code::PaymentWasCancelled,
            Code::PaymentMethodNotAccepted,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
            Code::ProviderAccountNotFound,
            Code::NotOfferedByProvider,
            Code::AmountIsTooLarge,
            Code::AmountIsNotPayable,
            Code::CurrencyIsNotTaken,
            Code::CustomerHasNoSavedMethod,
        ])
}

async fn handle(
    State(app): State<App>,
    Wait(wait): Wait,
    call: KeyedRequest<Payments, NewCharge>,
) -> Handled {
    let claim = call.claim;
    start(&app, call.caller, claim, wait, call.request.into()).await
}
