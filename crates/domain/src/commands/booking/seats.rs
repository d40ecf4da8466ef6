//! The changes of items, and of the seats counted on slots, customers and clients. They are summed up over
//! one decision, because a sweep may release many bookings of one slot, and a row may be put only once.

use alloc::collections::BTreeMap;

use super::cancellation::CancelledLine;
use crate::commands::draft::Draft;
use crate::ids::{BookingId, BookingItemId, ClientId, CustomerId, SlotId};
use crate::lifecycle::booking_item::{Event, State, step};
use crate::lifecycle::{Effect, Step};
use crate::resources::{self, ResourceCalendar};
use crate::rows::{Booking, BookingItem, Client, Customer, Facts, Needs, Slot, TableName};

#[derive(Clone, Copy, Default)]
struct SlotChange {
    held: i64,
    sold: i64,
}

impl SlotChange {
    /// Adds seats to the counter that counts items in this state. A negative number subtracts.
    fn count(&mut self, state: State, seats: i64) {
        match state {
            State::Held => self.held += seats,
            State::Sold => self.sold += seats,
            State::Released | State::Returned => {}
        }
    }
}

#[derive(Default)]
pub(in crate::commands) struct Seats {
    /// The items that changed.
    items: BTreeMap<BookingItemId, BookingItem>,
    /// The cancelled part of an item of which a rest is left, by the item.
    parts: BTreeMap<BookingItemId, BookingItem>,
    slots: BTreeMap<SlotId, SlotChange>,
    /// The change of the customer's held seats.
    customers: BTreeMap<CustomerId, i64>,
    clients: BTreeMap<ClientId, i64>,
}

impl Seats {
    /// Requests a booking, and the rows that a change of its seats needs.
    pub fn needs<'f>(rows: &mut Needs<'f>, id: BookingId) -> Option<&'f Booking> {
        let items = rows.booking_items(id);
        let booking = rows.booking(id)?;
        for item in items? {
            match rows.slot(item.slot) {
                Some(slot) => resources::needs(rows, slot, None),
                None => rows.later(TableName::resource_days),
            }
        }
        rows.customer(booking.customer);
        if booking.counts_for_client {
            rows.client(booking.client);
        }
        Some(booking)
    }

    /// Applies the effects of a booking's step to its items, and so to the counters. An item that
    /// is not in the state that the effect starts from stays as it is.
    pub fn carry_out(&mut self, facts: &Facts, booking: &Booking, effects: &[Effect]) {
        for effect in effects {
            let step = match effect {
                Effect::SellSeats => const { step(State::Held, Event::Sell) },
                Effect::ReleaseSeats => const { step(State::Held, Event::Release) },
                Effect::ReturnSeats => const { step(State::Sold, Event::Return) },
                Effect::RetakeSeats => const { step(State::Released, Event::Retake) },
            };
            for item in facts.booking_items.owned_by(booking.id) {
                if item.state.is(step.from()) {
                    self.move_item(booking, item, step);
                }
            }
        }
    }

    /// Returns cancelled tickets. The rest of their item stays as it is, and the cancelled part becomes an item.
    pub fn give_back(&mut self, draft: &Draft<'_>, line: &CancelledLine) {
        let CancelledLine { item, quantity, credited_minor, .. } = line;
        let seats = item.seats / item.quantity * quantity;
        let step = const { step(State::Sold, Event::Return) };
        let slot = self.slots.entry(item.slot).or_default();
        slot.count(step.from(), -seats);
        slot.count(*step.to(), seats);
        let part = BookingItem {
            quantity: *quantity,
            seats,
            state: step.to(),
            credited_minor: Some(*credited_minor),
            ..item.clone()
        };
        if *quantity == item.quantity {
            self.items.insert(item.id, part);
            return;
        }
        let rest =
            BookingItem { quantity: item.quantity - quantity, seats: item.seats - seats, ..item.clone() };
        self.items.insert(item.id, rest);
        self.parts.insert(item.id, BookingItem { id: draft.id(), ..part });
    }

    fn move_item(&mut self, booking: &Booking, item: &BookingItem, step: Step<State>) {
        let slot = self.slots.entry(item.slot).or_default();
        slot.count(step.from(), -item.seats);
        slot.count(*step.to(), item.seats);
        if step.from() == State::Held {
            self.release_hold(booking, item.seats);
        }
        self.items.insert(item.id, BookingItem { state: step.to(), ..item.clone() });
    }

    /// The seats no longer count against the limits on held seats.
    fn release_hold(&mut self, booking: &Booking, seats: i64) {
        *self.customers.entry(booking.customer).or_default() -= seats;
        if booking.counts_for_client {
            *self.clients.entry(booking.client).or_default() -= seats;
        }
    }

    /// The item after these changes.
    pub fn changed_item(&self, item: &BookingItem) -> BookingItem {
        self.items.get(&item.id).unwrap_or(item).clone()
    }

    /// The item after these changes, and what was cancelled of it.
    pub fn after(&self, item: &BookingItem) -> impl Iterator<Item = BookingItem> {
        core::iter::once(self.changed_item(item)).chain(self.parts.get(&item.id).cloned())
    }

    /// The slot after these changes.
    pub fn changed(&self, slot: &Slot) -> Slot {
        let SlotChange { held, sold } = self.slots.get(&slot.id).copied().unwrap_or_default();
        Slot { held: slot.held + held, sold: slot.sold + sold, ..slot.clone() }
    }

    pub fn put(self, draft: &mut Draft<'_>, facts: &Facts) {
        let mut calendar = ResourceCalendar::new(facts);
        for id in self.slots.keys() {
            let slot = facts.slots.get(*id).expect("`needs` requests the slots of every item");
            let slot = self.changed(slot);
            calendar.moved(&slot);
            draft.put(slot);
        }
        draft.allocate(calendar);
        self.items.into_values().chain(self.parts.into_values()).for_each(|item| draft.put(item));
        for (id, held) in self.customers {
            if let Some(customer) = facts.customers.get(id) {
                draft.put(Customer { held_seats: customer.held_seats + held, ..customer.clone() });
            }
        }
        for (id, held) in self.clients {
            if let Some(client) = facts.clients.get(id) {
                draft.put(Client { held_seats: client.held_seats + held, ..client.clone() });
            }
        }
    }
}
