use api::Code;
use api::requests::NewRecordedPayment;
use api::views::Payment;
use axum::extract::State;
use domain::BookingId;
use domain::commands::{PaymentTarget, RecordPayment, Recorder};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::KeyedRequest;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/recorded_payments", "record_payment", handle)
        .about(
            "Record a payment",
            "Money that a person received, in cash or otherwise, without a provider. The booking is \
             confirmed or paid at once; the audit has who recorded it.",
        )
        .answers::<Payment>(201, "Recorded: the payment is captured.")
        .refuses(&[
            Code::BookingNotFound,
            Code::BookingIsNotHeld,
            Code::HoldHasExpired,
            Code::NothingIsDue,
            Code::PaymentAlreadyOpen,
            Code::TooManyPayments,
            Code::CurrencyIsNotTheBookings,
            Code::AmountExceedsTotal,
            Code::AmountDoesNotCoverWhatIsDue,
            Code::AmountIsTooLarge,
        ])
}

async fn handle(State(app): State<App>, call: KeyedRequest<Ops, NewRecordedPayment>) -> Handled {
    let NewRecordedPayment { booking_id, amount, reference, method, who, why, metadata } = call.request;
    let target = match (booking_id, amount) {
        (Some(booking), amount) => {
            PaymentTarget::Booking { booking: BookingId(booking), amount: amount.map(Into::into) }
        }
        (None, Some(amount)) => PaymentTarget::Amount { amount: amount.into(), reference },
        (None, None) => unreachable!("a payment for nothing was refused when it was read"),
    };
    let by = Recorder { claim: call.claim, mode: call.caller.mode, who, why };
    submit(&app, RecordPayment { by, target, method: method.into(), metadata }).await
}
