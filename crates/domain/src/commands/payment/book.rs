//! The effect of a payment on its booking.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;

use super::return_money::send_back;
use super::{about, has_too_much};
use crate::commands::booking::{self, Seats};
use crate::commands::draft::Draft;
use crate::commands::payouts::recognize;
use crate::ids::SlotId;
use crate::lifecycle::booking::{Event, State as BookingState, step};
use crate::lifecycle::payment::State;
use crate::provider::Source;
use crate::resources::ResourceCalendar;
use crate::rows::{Booking, BookingItem, Capture, Facts, LateMoney, Payment, Tenant};
use crate::time::Span;

/// Applies the payment to its booking. Money counts on evidence only, and once: the payment's row
/// has what its booking has counted already, and only money that is new confirms the booking or is
/// returned. A payment that ended without money frees the booking for another one at once.
/// `deadline` is for the return of money.
pub(super) fn book(
    draft: &mut Draft<'_>,
    facts: &Facts,
    payment: &mut Payment,
    source: Source,
    deadline: Span,
) {
    if let Some(before) = payment.booking.and_then(|id| facts.bookings.get(id)) {
        book_on(draft, facts, before.clone(), payment, source, deadline);
    }
}

/// The same, on a booking that this command has changed already.
pub(super) fn book_on(
    draft: &mut Draft<'_>,
    facts: &Facts,
    mut booking: Booking,
    payment: &mut Payment,
    source: Source,
    deadline: Span,
) {
    let Some(before) = facts.bookings.get(booking.id) else { return };
    let ended = matches!(*payment.state, State::Failed | State::Cancelled | State::Lapsed);
    let settled = payment.evidenced && source.is_evidence();
    let news = (settled || ended) && count(payment, &mut booking);
    if ended || (settled && payment.state.is(State::Captured)) {
        booking.close_payment(payment.id);
        if let Some(next) = payment.continued_by.filter(|_| before.open_payment == Some(payment.id)) {
            booking.open_payment = Some(next);
            booking.payments += 1;
        }
    }
    let mut seats = Seats::default();
    if news
        && !ended
        && let Some(why) = secure(draft, facts, &mut seats, payment, &mut booking)
    {
        send_back(draft, payment, why, deadline);
    }
    if news && payment.state.is(State::Lapsed) && is_unsecured(&booking) {
        // A review case is open too. The seats are kept: a person decides.
        let items = facts.booking_items.owned_by(booking.id);
        booking::append_message(draft, &mut booking, items, "booking.unsecured");
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

/// The booking counts the payment's money, less what it has counted before. Returns whether anything was new.
fn count(payment: &mut Payment, booking: &mut Booking) -> bool {
    let known = (payment.booked_authorized_minor, payment.booked_paid_minor);
    let authorized = if payment.state.is(State::Authorized) { payment.authorized_minor } else { 0 };
    booking.authorized_minor += authorized - payment.booked_authorized_minor;
    booking.paid_minor += payment.captured_minor - payment.booked_paid_minor;
    if payment.booked_paid_minor == 0 && payment.captured_minor > 0 {
        // A smaller capture settles the whole payment: the rest is not due again.
        booking.settled_minor += payment.amount_minor;
    }
    payment.booked_authorized_minor = authorized;
    payment.booked_paid_minor = payment.captured_minor;
    known != (payment.booked_authorized_minor, payment.booked_paid_minor)
}

/// Confirms a booking whose money has arrived. If that is impossible, returns why the money goes back.
fn secure(
    draft: &mut Draft<'_>,
    facts: &Facts,
    seats: &mut Seats,
    payment: &Payment,
    booking: &mut Booking,
) -> Option<&'static str> {
    // A refund that the tenant made in the meantime does not make the booking unpaid: it counts as if it were
    // made after the confirmation.
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
        BookingState::Cancelled if is_penalty(facts, booking, payment) => {
            recognize(draft, booking, payment.captured_minor, Some(payment.id));
            return None;
        }
        BookingState::Cancelled => return Some("the booking was cancelled"),
        BookingState::Confirmed | BookingState::Completed | BookingState::NoShow => {
            if has_too_much(facts, booking, payment) {
                let why = "it was captured at the provider, and tickets had been cancelled";
                draft.review(about(payment), "cancellation_not_settled", why.to_owned());
            }
            return None;
        }
    };
    seats.carry_out(facts, booking, step.effects());
    booking.state = draft.step(booking::about(booking), step);
    booking.confirmed_at = Some(draft.context.now);
    booking.ended_at = None;
    booking::append_message(draft, booking, facts.booking_items.owned_by(booking.id), "booking.confirmed");
    None
}

/// Whether the money is not late: the cancellation itself asked for it.
fn is_penalty(facts: &Facts, booking: &Booking, payment: &Payment) -> bool {
    let items = facts.booking_items.owned_by(booking.id);
    let penalty_minor: i64 = items.filter_map(BookingItem::penalty_minor).sum();
    let was_reserved = payment.capture == Capture::Manual && payment.state.is(State::Captured);
    was_reserved && payment.captured_minor <= penalty_minor
}

/// The booking has its seats, and no payment secures it any more.
fn is_unsecured(booking: &Booking) -> bool {
    let has_seats =
        matches!(*booking.state, BookingState::Confirmed | BookingState::Completed | BookingState::NoShow);
    has_seats && booking.authorized_minor == 0 && booking.settled_minor == 0
}

/// The tenant voided the payment that secured a booking, before any money was captured: the booking stays
/// unpaid, so its seats are released.
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
    booking::append_message(draft, booking, facts.booking_items.owned_by(booking.id), "booking.cancelled");
}

/// Whether late money takes the seats again: the tenant wants that, the seats are free, and no slot has
/// departed.
fn may_retake(draft: &Draft<'_>, facts: &Facts, booking: &Booking) -> bool {
    let reseats = |tenant: &Tenant| tenant.settings.0.late_money == LateMoney::Reseat;
    let mut wanted: BTreeMap<SlotId, i64> = BTreeMap::new();
    for item in facts.booking_items.owned_by(booking.id) {
        *wanted.entry(item.slot).or_default() += item.seats;
    }
    let mut calendar = ResourceCalendar::new(facts);
    let mut is_free = |(slot, seats): (SlotId, i64)| {
        let Some(slot) = facts.slots.get(slot) else { return false };
        slot.starts_at > draft.context.now && slot.vacancies() >= seats && calendar.take_again(slot, seats)
    };
    facts.tenants.get(booking.tenant).is_some_and(reseats) && wanted.into_iter().all(&mut is_free)
}
