//! What a payment's move does to its booking.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;

use super::about;
use super::return_money::send_back;
use crate::commands::booking::{self, Seats};
use crate::commands::draft::Draft;
use crate::ids::SlotId;
use crate::lifecycle::booking::{Event, State as BookingState, step};
use crate::lifecycle::payment::State;
use crate::provider::Source;
use crate::rows::{Booking, Facts, LateMoney, Payment, Tenant};
use crate::time::Span;

/// Brings the booking up to its payment. Money counts on evidence only, and once: the payment
/// remembers what its booking has counted, and only what is new can confirm it or goes back. A
/// payment that ended without money frees the booking for another at once. `deadline` is that of money
/// that goes back.
pub(super) fn book(
    draft: &mut Draft<'_>,
    facts: &Facts,
    payment: &mut Payment,
    source: Source,
    deadline: Span,
) {
    let Some(before) = payment.booking.and_then(|id| facts.bookings.get(id)) else { return };
    let mut booking = before.clone();
    let ended = matches!(*payment.state, State::Failed | State::Cancelled | State::Lapsed);
    let settled = payment.evidenced && source.is_evidence();
    let news = (settled || ended) && count(payment, &mut booking);
    if ended || (settled && payment.state.is(State::Captured)) {
        booking.close_payment(payment.id);
    }
    let mut seats = Seats::default();
    if news
        && !ended
        && let Some(why) = secure(draft, facts, &mut seats, payment, &mut booking)
    {
        send_back(draft, payment, why, deadline);
    }
    if news && payment.state.is(State::Cancelled) {
        release_security(draft, facts, &mut seats, payment, &mut booking);
    }
    if booking != *before {
        booking.updated_at = draft.context.now;
        draft.put(booking);
    }
    seats.put(draft, facts);
}

/// The booking counts what the payment holds now, less what it counted of it before. Answers
/// whether there was anything new.
fn count(payment: &mut Payment, booking: &mut Booking) -> bool {
    let known = (payment.booked_authorized_minor, payment.booked_paid_minor);
    let authorized = if payment.state.is(State::Authorized) { payment.authorized_minor } else { 0 };
    booking.authorized_minor += authorized - payment.booked_authorized_minor;
    booking.paid_minor += payment.captured_minor - payment.booked_paid_minor;
    if payment.booked_paid_minor == 0 && payment.captured_minor > 0 {
        // What was let go of by a smaller capture is not asked for again.
        booking.settled_minor += payment.amount_minor;
    }
    payment.booked_authorized_minor = authorized;
    payment.booked_paid_minor = payment.captured_minor;
    known != (payment.booked_authorized_minor, payment.booked_paid_minor)
}

/// Money is there: the booking is confirmed if its seats are, else the money goes back, and why.
fn secure(
    draft: &mut Draft<'_>,
    facts: &Facts,
    seats: &mut Seats,
    payment: &Payment,
    booking: &mut Booking,
) -> Option<&'static str> {
    // What the tenant gave back meanwhile it chose to: that is no other than if it had given it back later.
    let secured = booking.settled_minor + booking.authorized_minor >= booking.total_minor;
    let on_its_way_back = payment.state.is(State::Captured) && payment.refundable_minor() == 0;
    let step = match *booking.state {
        BookingState::Held if secured => const { step(BookingState::Held, Event::PaymentSecured) },
        _ if on_its_way_back => return None,
        BookingState::Held => return Some("it does not cover the booking"),
        BookingState::Expired if secured && may_retake(draft, facts, booking) => {
            const { step(BookingState::Expired, Event::PaymentSecured) }
        }
        BookingState::Expired => return Some("the hold had expired"),
        BookingState::Cancelled => return Some("the booking was cancelled"),
        BookingState::Confirmed | BookingState::Completed | BookingState::NoShow => return None,
    };
    seats.carry_out(facts, booking, step.effects());
    booking.state = draft.step(booking::about(booking), step);
    booking.confirmed_at = Some(draft.context.now);
    booking.ended_at = None;
    booking::tell(draft, booking, facts.booking_items.owned_by(booking.id), "booking.confirmed");
    None
}

/// The tenant called off the payment that secured a booking, before any money was captured for it: nobody
/// will pay for the seats, so they are free again.
fn release_security(
    draft: &mut Draft<'_>,
    facts: &Facts,
    seats: &mut Seats,
    payment: &Payment,
    booking: &mut Booking,
) {
    let secured = booking.authorized_minor > 0 || booking.settled_minor > 0;
    if secured || fault_injection::is(fault_injection::InjectedFault::VoidLeavesConfirmed) {
        return;
    }
    let step = match *booking.state {
        BookingState::Confirmed => const { step(BookingState::Confirmed, Event::SecurityReleased) },
        BookingState::Completed | BookingState::NoShow => {
            let detail = "the booking it secured is unpaid".to_owned();
            draft.review(about(payment), "security_released", detail);
            return;
        }
        // The payment never secured it.
        BookingState::Held | BookingState::Expired | BookingState::Cancelled => return,
    };
    seats.carry_out(facts, booking, step.effects());
    booking.state = draft.step(booking::about(booking), step);
    booking.ended_at = Some(draft.context.now);
    booking::tell(draft, booking, facts.booking_items.owned_by(booking.id), "booking.cancelled");
}

/// Late money: the seats are taken again where the tenant wants that, they are free, and nobody
/// left without them.
fn may_retake(draft: &Draft<'_>, facts: &Facts, booking: &Booking) -> bool {
    let reseats = |tenant: &Tenant| tenant.settings.0.late_money == LateMoney::Reseat;
    let mut asked: BTreeMap<SlotId, i64> = BTreeMap::new();
    for item in facts.booking_items.owned_by(booking.id) {
        *asked.entry(item.slot).or_default() += item.seats;
    }
    let is_free = |(slot, seats): (SlotId, i64)| {
        let slot = facts.slots.get(slot);
        slot.is_some_and(|slot| slot.starts_at > draft.context.now && slot.vacancies() >= seats)
    };
    facts.tenants.get(booking.tenant).is_some_and(reseats) && asked.into_iter().all(is_free)
}
