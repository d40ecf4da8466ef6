use api::Code;
use api::requests::NewCheckIn;
use api::ticket::SignedTicket;
use api::views::ScannedTicket;
use axum::extract::State;
use domain::commands::{CheckInTicket, Scan, TicketRef};
use domain::{BookingId, BookingItemId, Refusal, SlotId, TenantId};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Bookings;
use crate::http::submit::submit;
use crate::http::write_request::KeyedRequest;
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/check_ins", "check_in", handle)
        .about(
            "Check a ticket in",
            "Once: the reply to a later scan says when and by whom the ticket was used. A device that was offline \
             sends its scans later, in any order, each with `scanned_at`: the earliest scan counts. A scan that is \
             not later than the undoing of a check-in is refused.",
        )
        .answers::<ScannedTicket>(200, "The ticket is checked in, by this scan or by an earlier one.")
        .refuses(&[
            Code::TicketSignatureInvalid,
            Code::BookingNotFound,
            Code::ItemNotFound,
            Code::BookingIsNotConfirmed,
            Code::TicketIsCancelled,
            Code::TicketIsForAnotherSlot,
            Code::CheckInWasUndone,
        ])
}

async fn handle(State(app): State<App>, call: KeyedRequest<Bookings, NewCheckIn>) -> Handled {
    let request = &call.request;
    let ticket = ticket(&app, call.claim.tenant, request)?;
    let scan = Scan {
        ticket,
        at: request.scanned_at.map(api::time::timestamp),
        who: request.who.clone(),
        slot: request.slot_id.map(SlotId),
    };
    submit(&app, CheckInTicket { claim: call.claim, scan }).await
}

fn ticket(app: &App, tenant: TenantId, request: &NewCheckIn) -> Result<TicketRef, RefusedRequest> {
    let Some(text) = &request.ticket else {
        return Ok(TicketRef {
            booking: BookingId(request.booking_id.unwrap_or_default()),
            item: BookingItemId(request.item_id.unwrap_or_default()),
            number: request.number.unwrap_or_default(),
        });
    };
    let ticket = SignedTicket::verify(text, app.parts.tickets.published())
        .ok_or_else(|| RefusedRequest::from(Code::TicketSignatureInvalid))?;
    // Another tenant's ticket looks as if it did not exist.
    if ticket.tenant != tenant {
        return Err(Refusal::BookingNotFound.into());
    }
    Ok(TicketRef { booking: ticket.booking, item: ticket.item, number: ticket.number })
}
