//! Items move with their booking, and the counters with its items, folded over one decision: a sweep may
//! release many bookings of one slot, and each row may be put only once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::commands::draft::Draft;
use crate::ids::{BookingId, ClientId, CustomerId, SlotId};
use crate::lifecycle::{Effect, booking_item};
use crate::refusal::Refusal;
use crate::rows::{Booking, BookingItem, Client, Customer, Facts, Needs, Slot};

#[derive(Default)]
pub(in crate::commands) struct Seats {
    items: Vec<BookingItem>,
    slots: BTreeMap<SlotId, Slot>,
    customers: BTreeMap<CustomerId, Customer>,
    clients: BTreeMap<ClientId, Client>,
}

impl Seats {
    /// Asks for a booking, and for the rows that any move of its seats needs.
    pub fn needs<'f>(rows: &mut Needs<'f>, id: BookingId) -> Option<&'f Booking> {
        let items = rows.booking_items(id);
        let booking = rows.booking(id)?;
        for item in items? {
            rows.slot(item.slot);
        }
        rows.customer(booking.customer);
        if booking.counts_for_client {
            rows.client(booking.client);
        }
        Some(booking)
    }

    pub fn slot(&mut self, facts: &Facts, id: SlotId) -> Result<&mut Slot, Refusal> {
        fold(&mut self.slots, id, || facts.slots.get(id).cloned()).ok_or(Refusal::SlotNotFound)
    }

    /// Does to the items, and to the counters, what the lifecycle's row says.
    pub fn carry_out(&mut self, facts: &Facts, booking: &Booking, effects: &[Effect]) -> Result<(), Refusal> {
        for effect in effects {
            let event = match effect {
                Effect::SellSeats => booking_item::Event::Sell,
                Effect::ReleaseSeats => booking_item::Event::Release,
                Effect::ReturnSeats => booking_item::Event::Return,
                Effect::RetakeSeats => booking_item::Event::Retake,
            };
            for item in facts.booking_items.owned_by(booking.id) {
                self.move_item(facts, booking, item, event)?;
            }
        }
        Ok(())
    }

    fn move_item(
        &mut self,
        facts: &Facts,
        booking: &Booking,
        item: &BookingItem,
        event: booking_item::Event,
    ) -> Result<(), Refusal> {
        let moved = item.state.step(event)?.to();
        let slot = self.slot(facts, item.slot)?;
        slot.count(*item.state, -item.seats);
        slot.count(*moved, item.seats);
        if item.state.is(booking_item::State::Held) {
            self.let_go(facts, booking, item.seats);
        }
        self.items.push(BookingItem { state: moved, ..item.clone() });
        Ok(())
    }

    /// Whether given-up seats could be taken again, of all slots.
    pub fn are_free(&mut self, facts: &Facts, booking: &Booking) -> Result<bool, Refusal> {
        let mut asked: BTreeMap<SlotId, i64> = BTreeMap::new();
        for item in facts.booking_items.owned_by(booking.id) {
            *asked.entry(item.slot).or_default() += item.seats;
        }
        for (slot, seats) in asked {
            if self.slot(facts, slot)?.vacancies() < seats {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The seats no longer count against the limits on held seats.
    fn let_go(&mut self, facts: &Facts, booking: &Booking, seats: i64) {
        let customer =
            fold(&mut self.customers, booking.customer, || facts.customers.get(booking.customer).cloned());
        if let Some(customer) = customer {
            customer.held_seats -= seats;
        }
        if booking.counts_for_client
            && let Some(client) =
                fold(&mut self.clients, booking.client, || facts.clients.get(booking.client).cloned())
        {
            client.held_seats -= seats;
        }
    }

    /// The items that were moved, as they are now.
    pub fn moved(&self) -> &[BookingItem] {
        &self.items
    }

    pub fn put(self, draft: &mut Draft<'_>) {
        self.items.into_iter().for_each(|item| draft.put(item));
        self.slots.into_values().for_each(|slot| draft.put(slot));
        self.customers.into_values().for_each(|customer| draft.put(customer));
        self.clients.into_values().for_each(|client| draft.put(client));
    }
}

/// The row as this decision has it so far, or as the facts have it.
fn fold<K: Ord, R>(rows: &mut BTreeMap<K, R>, id: K, fact: impl FnOnce() -> Option<R>) -> Option<&mut R> {
    match rows.entry(id) {
        alloc::collections::btree_map::Entry::Occupied(entry) => Some(entry.into_mut()),
        alloc::collections::btree_map::Entry::Vacant(entry) => fact().map(|row| entry.insert(row)),
    }
}
