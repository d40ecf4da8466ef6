use std::collections::HashMap;

use api::Code;
use api::views::ManifestEntry;
use axum::extract::State;
use domain::lifecycle::booking_item;
use domain::rows::{BookingItem, CheckIn};
use domain::{BookingId, Refusal, SlotId};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Bookings;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/slots/{id}/manifest", "list_manifest", handle)
        .about(
            "List who is expected",
            "The bookings with sold seats in the slot, in the order in which they were made: who booked, how many \
             tickets of which unit, and which of them are checked in.",
        )
        .answers_page::<ManifestEntry>(200, "A page of the manifest.")
        .refuses(&[Code::SlotNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Bookings>,
    Id(id): Id,
    page: PageRequest,
) -> Handled {
    let (tenant, store) = (look.caller.tenant, app.store());
    let slot = store.slot(tenant, SlotId(id)).await?.ok_or(Refusal::SlotNotFound)?;
    let bookings = store.manifest(tenant, slot.id, page.after, page.rows_max()).await?;
    let ids: Vec<BookingId> = bookings.iter().map(|booking| booking.id).collect();
    let mut items = HashMap::<BookingId, Vec<BookingItem>>::new();
    for item in store.items_of_bookings(tenant, &ids).await? {
        if item.slot == slot.id && item.state.is(booking_item::State::Sold) {
            items.entry(item.booking).or_default().push(item);
        }
    }
    let mut check_ins = HashMap::<BookingId, Vec<CheckIn>>::new();
    for check_in in store.check_ins_of_bookings(tenant, &ids).await? {
        check_ins.entry(check_in.booking).or_default().push(check_in);
    }
    let entry = |booking: domain::rows::Booking| {
        let items = items.get(&booking.id).map(Vec::as_slice).unwrap_or_default();
        let check_ins = check_ins.get(&booking.id).map(Vec::as_slice).unwrap_or_default();
        ManifestEntry::of(&booking, &items.iter().collect::<Vec<_>>(), check_ins)
    };
    Ok(found(&page.of(bookings, |row| (row.created_at, row.id.0), entry)))
}
