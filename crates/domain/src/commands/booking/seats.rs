//! The counters that a move of seats touches, folded over one decision: a sweep may release many
//! bookings of one slot, and each row may be put only once.

use alloc::collections::BTreeMap;

use crate::commands::draft::Draft;
use crate::ids::{ClientId, CustomerId, SlotId};
use crate::lifecycle::Effect;
use crate::refusal::Refusal;
use crate::rows::{Booking, Client, Customer, Facts, Needs, Slot};

#[derive(Default)]
pub(in crate::commands) struct Seats {
    slots: BTreeMap<SlotId, Slot>,
    customers: BTreeMap<CustomerId, Customer>,
    clients: BTreeMap<ClientId, Client>,
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

    pub fn slot(&mut self, facts: &Facts, id: SlotId) -> Result<&mut Slot, Refusal> {
        fold(&mut self.slots, id, || facts.slots.get(id).cloned()).ok_or(Refusal::SlotNotFound)
    }

    /// Does to the counters what the lifecycle's row says.
    pub fn carry_out(&mut self, facts: &Facts, booking: &Booking, effects: &[Effect]) -> Result<(), Refusal> {
        for effect in effects {
            let slot = self.slot(facts, booking.slot)?;
            match effect {
                Effect::SellSeats => {
                    slot.held -= booking.seats;
                    slot.sold += booking.seats;
                    self.let_go(facts, booking);
                }
                Effect::ReleaseSeats => {
                    slot.held -= booking.seats;
                    self.let_go(facts, booking);
                }
                Effect::ReturnSeats => slot.sold -= booking.seats,
                Effect::RetakeSeats => slot.sold += booking.seats,
            }
        }
        Ok(())
    }

    /// Whether given-up seats could be taken again.
    pub fn are_free(&mut self, facts: &Facts, booking: &Booking) -> Result<bool, Refusal> {
        Ok(self.slot(facts, booking.slot)?.vacancies() >= booking.seats)
    }

    /// The seats no longer count against the limits on held seats.
    fn let_go(&mut self, facts: &Facts, booking: &Booking) {
        let customer =
            fold(&mut self.customers, booking.customer, || facts.customers.get(booking.customer).cloned());
        if let Some(customer) = customer {
            customer.held_seats -= booking.seats;
        }
        if booking.counts_for_client
            && let Some(client) =
                fold(&mut self.clients, booking.client, || facts.clients.get(booking.client).cloned())
        {
            client.held_seats -= booking.seats;
        }
    }

    pub fn put(self, draft: &mut Draft<'_>) {
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
