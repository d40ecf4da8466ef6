//! Check a ticket in.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::{count, named};
use crate::commands::booking::about;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{BookingId, BookingItemId, CheckInId, SlotId, TenantId};
use crate::lifecycle::{State as _, booking, booking_item};
use crate::refusal::Refusal;
use crate::reply::{CheckInReply, Reply};
use crate::rows::{Booking, BookingItem, CheckIn, Facts, Needs};
use crate::time::Timestamp;
use crate::working_set::{Claim, Command, Context, DecisionResult};

/// One ticket of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRef {
    pub booking: BookingId,
    pub item: BookingItemId,
    /// From 1 to the quantity of the item.
    pub number: i64,
}

/// A ticket that was shown.
#[derive(Clone, Debug)]
pub struct Scan {
    pub ticket: TicketRef,
    /// By the clock of the device. `None`: now.
    pub at: Option<Timestamp>,
    pub who: Option<String>,
    /// The slot that is being checked in, if the device names it.
    pub slot: Option<SlotId>,
}

#[derive(Clone, Debug)]
pub struct CheckInTicket {
    pub claim: Claim,
    pub scan: Scan,
}

impl CheckInTicket {
    fn id(&self) -> CheckInId {
        let TicketRef { item, number, .. } = self.scan.ticket;
        CheckInId::of(self.claim.tenant, item, number)
    }

    /// The booking and the item, if the ticket may be used.
    fn usable<'f>(&self, facts: &'f Facts) -> Result<(&'f Booking, &'f BookingItem), Refusal> {
        let Scan { ticket, slot, .. } = &self.scan;
        let booking = facts.bookings.get(ticket.booking).filter(|row| row.tenant == self.claim.tenant);
        let booking = booking.ok_or(Refusal::BookingNotFound)?;
        let mut items = facts.booking_items.owned_by(booking.id);
        let item = items.find(|item| item.id == ticket.item);
        let item = item.ok_or(Refusal::ItemNotFound { item: ticket.item.0 })?;
        // What was scanned before the booking was completed may arrive afterwards.
        match *booking.state {
            booking::State::Confirmed | booking::State::Completed | booking::State::NoShow => {}
            booking::State::Cancelled => return Err(Refusal::TicketIsCancelled),
            booking::State::Held | booking::State::Expired => {
                return Err(Refusal::BookingIsNotConfirmed { state: booking.state.name() });
            }
        }
        // The last tickets of an item are cancelled first.
        if !item.state.is(booking_item::State::Sold) || !(1..=item.quantity).contains(&ticket.number) {
            return Err(Refusal::TicketIsCancelled);
        }
        match slot {
            Some(slot) if *slot != item.slot => Err(Refusal::TicketIsForAnotherSlot { slot: item.slot.0 }),
            _ => Ok((booking, item)),
        }
    }
}

impl Command for CheckInTicket {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.check_in(self.id());
        rows.booking_items(self.scan.ticket.booking);
        rows.booking(self.scan.ticket.booking);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let (booking, item) = self.usable(facts)?;
        let was = facts.check_ins.get(self.id());
        // A device whose clock is ahead must not look later than the person who undoes its scan.
        let at = self.scan.at.map_or(context.now, |at| at.min(context.now));
        if let Some(undone) = was.and_then(|was| was.undone_at)
            && at <= undone
        {
            return Err(Refusal::CheckInWasUndone { at: undone });
        }
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let scanned = CheckIn {
            id: self.id(),
            tenant: booking.tenant,
            booking: booking.id,
            item: item.id,
            slot: item.slot,
            number: self.scan.ticket.number,
            scanned_at: at,
            recorded_at: context.now,
            client: self.claim.client,
            who: self.scan.who.clone(),
            undone_at: None,
            undone_by: None,
            undone_why: None,
        };
        let forgets = fault_injection::is(fault_injection::InjectedFault::CheckedInTwice);
        let in_force = was.filter(|was| was.is_in_force() && !forgets);
        let check_in = match in_force {
            Some(was) if was.scanned_at <= at => was.clone(),
            Some(_) => {
                let why = Some(format!("{}, by an earlier scan", named(item, &scanned)));
                draft.audit_because(about(booking), "check_in_dated_back", None, None, why);
                draft.put(scanned.clone());
                scanned
            }
            None => {
                let why = Some(named(item, &scanned));
                draft.audit_because(about(booking), "ticket_checked_in", None, None, why);
                if item.checked_in < item.quantity {
                    count(&mut draft, booking, item, &scanned, (1, "booking.checked_in"));
                }
                draft.put(scanned.clone());
                scanned
            }
        };
        let already_checked_in = Some(in_force.is_some());
        Ok(draft.reply(Reply::CheckIn(Box::new(CheckInReply { check_in, already_checked_in }))))
    }
}
