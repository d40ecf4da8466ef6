use std::collections::HashMap;

use api::Code;
use api::ticket;
use api::views::BookingTicket;
use axum::extract::State;
use domain::lifecycle::{State as _, booking, booking_item};
use domain::rows::{BookingItem, CheckIn};
use domain::{BookingId, CheckInId, Refusal, Timestamp};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Bookings;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/bookings/{id}/tickets", "list_tickets", handle)
        .about(
            "List the tickets of a booking",
            "One for each unit that is sold, signed, with its QR code. The tickets of an item are numbered from 1. \
             Tickets that are cancelled are not listed.",
        )
        .answers_page::<BookingTicket>(200, "A page of tickets.")
        .refuses(&[Code::BookingNotFound, Code::BookingIsNotConfirmed, Code::TicketsAreNotSigned])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Bookings>,
    Id(id): Id,
    page: PageRequest,
) -> Handled {
    let (tenant, store) = (look.caller.tenant, app.store());
    let booking = store.booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    match *booking.state {
        booking::State::Confirmed | booking::State::Completed | booking::State::NoShow => {}
        _ => return Err(Refusal::BookingIsNotConfirmed { state: booking.state.name() }.into()),
    }
    let mut items = store.items_of_bookings(tenant, &[booking.id]).await?;
    items.retain(|item| item.state.is(booking_item::State::Sold));
    items.sort_unstable_by_key(|item| item.id);
    // The place of a ticket in the list: its item, and its number in the place of an instant.
    let is_behind = |item: &BookingItem, number: i64| {
        page.after.is_none_or(|after| (item.id.0, number) > (after.id, after.created_at.0))
    };
    let numbers = items.iter().flat_map(|item| (1..=item.quantity).map(move |number| (item, number)));
    let rows: Vec<(&BookingItem, i64)> =
        numbers.filter(|(item, number)| is_behind(item, *number)).take(page.rows_max()).collect();
    let check_ins = store.check_ins_of_bookings(tenant, &[booking.id]).await?;
    let check_ins: HashMap<CheckInId, CheckIn> = check_ins.into_iter().map(|row| (row.id, row)).collect();
    let mut shown = Vec::new();
    for (item, number) in rows {
        let ticket =
            ticket::SignedTicket { tenant, booking: booking.id, item: item.id, slot: item.slot, number };
        let text = app.parts.tickets.sign(&ticket);
        let text = text.ok_or_else(|| RefusedRequest::from(Code::TicketsAreNotSigned))?;
        let check_in = check_ins.get(&CheckInId::of(tenant, item.id, number));
        shown.push(BookingTicket::of(item, number, text, check_in));
    }
    let place = |ticket: &BookingTicket| (Timestamp(ticket.number), ticket.item_id);
    Ok(found(&page.of(shown, place, |ticket| ticket)))
}
