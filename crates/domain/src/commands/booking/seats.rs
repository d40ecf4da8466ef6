//! What moves of seats add to the counters of slots, customers and clients, summed up over one decision: a
//! sweep may release many bookings of one slot, and each row may be put only once.

use alloc::collections::BTreeMap;

use crate::commands::draft::Draft;
use crate::ids::{ClientId, CustomerId, SlotId};
use crate::lifecycle::Effect;
use crate::rows::{Booking, Client, Customer, Facts, Needs, Slot};

#[derive(Clone, Copy, Default)]
struct SlotChange {
    held: i64,
    sold: i64,
}

#[derive(Default)]
pub(in crate::commands) struct Seats {
    slots: BTreeMap<SlotId, SlotChange>,
    /// Held seats.
    customers: BTreeMap<CustomerId, i64>,
    clients: BTreeMap<ClientId, i64>,
}

impl Seats {
    /// Asks for the rows that any move of this booking's seats needs.
    pub fn needs(rows: &mut Needs<'_>, booking: &Booking) {
        rows.slot(booking.slot);
        rows.customer(booking.customer);
        if booking.counts_for_client {
            rows.client(booking.client);
        }
    }

    /// Does to the counters what the lifecycle's row says.
    pub fn carry_out(&mut self, booking: &Booking, effects: &[Effect]) {
        for effect in effects {
            let slot = self.slots.entry(booking.slot).or_default();
            match effect {
                Effect::SellSeats => {
                    slot.held -= booking.seats;
                    slot.sold += booking.seats;
                    self.let_go(booking);
                }
                Effect::ReleaseSeats => {
                    slot.held -= booking.seats;
                    self.let_go(booking);
                }
                Effect::ReturnSeats => slot.sold -= booking.seats,
                Effect::RetakeSeats => slot.sold += booking.seats,
            }
        }
    }

    /// The seats no longer count against the limits on held seats.
    fn let_go(&mut self, booking: &Booking) {
        *self.customers.entry(booking.customer).or_default() -= booking.seats;
        if booking.counts_for_client {
            *self.clients.entry(booking.client).or_default() -= booking.seats;
        }
    }

    /// The slot as it is after these moves.
    pub fn changed(&self, slot: &Slot) -> Slot {
        let SlotChange { held, sold } = self.slots.get(&slot.id).copied().unwrap_or_default();
        Slot { held: slot.held + held, sold: slot.sold + sold, ..slot.clone() }
    }

    pub fn put(self, draft: &mut Draft<'_>, facts: &Facts) {
        for id in self.slots.keys() {
            let slot = facts.slots.get(*id).expect("who moves the seats of a slot has asked for it");
            draft.put(self.changed(slot));
        }
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
