use api::Code;
use api::requests::NewCancellation;
use api::views::Booking;
use axum::extract::State;
use domain::commands::{CancelBooking, CancelledItem};
use domain::{BookingId, BookingItemId, Money};
use store::CommandResult;

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Bookings;
use crate::http::submit::{submit_once, submit_over};
use crate::http::write_request::{Id, KeyedRequest};
use crate::http::{App, RefusedRequest};

/// Against payments that are made at the same moment.
const TRIES_MAX: usize = 5;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/bookings/{id}/cancel", "cancel_booking", handle)
        .about(
            "Cancel a booking",
            "Gives up a hold, or cancels sold tickets under the policy of the booking. The money moves as the quote \
             says, right afterwards: `GET /v1/refunds?booking_id=` and the booking show it.",
        )
        .answers::<Booking>(200, "The seats are free again.")
        .refuses(&[
            Code::BookingNotFound,
            Code::ItemNotFound,
            Code::NotSoManyTickets,
            Code::HoldIsCancelledWhole,
            Code::QuoteHasChanged,
            Code::ExpectedRefundIsMissing,
            Code::StateDoesNotAllowIt,
            Code::BookingHasOpenPayment,
            Code::PaymentHasOperationInProgress,
            Code::PaymentNotFound,
            Code::FundsAreReleased,
            Code::TooManyRefunds,
            Code::ChangedMeanwhile,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: KeyedRequest<Bookings, NewCancellation>,
) -> Handled {
    let request = call.request;
    let items = request
        .items
        .iter()
        .map(|tickets| CancelledItem { item: BookingItemId(tickets.item_id), quantity: tickets.quantity });
    let command = CancelBooking {
        claim: call.claim,
        booking: BookingId(id),
        mode: call.caller.mode,
        items: items.collect(),
        by: request.cancelled_by.unwrap_or_default().into(),
        expected_refund: request.expected_refund.map(Money::from),
        payments: Vec::new(),
        amounts: providers::AMOUNTS,
        deadline: app.limits().operation_deadline,
    };
    let claim = command.claim.clone();
    submit_once(&app, Some(&claim), |_| cancel(&app, command)).await
}

/// Submits it with the payments that the booking has at this moment; again if another was started.
async fn cancel(app: &App, command: CancelBooking) -> Result<CommandResult, RefusedRequest> {
    let command = &command;
    submit_over(app, TRIES_MAX, || async move {
        let payments = app.store().payments_of_booking(command.claim.tenant, command.booking).await?;
        let payments = payments.iter().map(|payment| payment.id).collect();
        Ok(CancelBooking { payments, ..command.clone() })
    })
    .await
}
