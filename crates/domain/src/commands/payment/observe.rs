//! What an observation of the provider's object does to our payment, its attempts and its booking.
//!
//! | the object is | the payment moves | the booking, on evidence only |
//! |---|---|---|
//! | authorised | pending -> authorized | secured: confirmed, or retaken, or the money goes back |
//! | captured | pending, authorized -> captured | the same, and paid |
//! | cancelled | -> failed, cancelled or lapsed | free for another payment |
//! | anything else | no move | none |
//!
//! Stale observations are ordinary and move nothing. One that contradicts what is final opens a
//! review case; money in it goes to the suspense account.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::give_up::as_it_stands;
use super::money_back::send_back;
use super::{about, about_refund, tell, tell_refund};
use crate::commands::booking::{self, Seats};
use crate::commands::draft::Draft;
use crate::lifecycle::booking as booking_lifecycle;
use crate::lifecycle::payment::{Event, State};
use crate::lifecycle::{State as _, attempt};
use crate::money::Money;
use crate::provider::{Observation, Source, Status};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Attempt, AttemptKind, Booking, Capture, Facts, Failure, LateMoney, Payment, Refund};
use crate::working_set::Json;

/// How an observation stands to what we knew.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It moved the payment, or confirmed where it stands.
    Agrees,
    /// Older than what we know.
    Stale,
    Contradicts(String),
}

/// Moves the payment as far as its table and the observation allow.
pub(super) fn observe(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    seen: &Observation,
    source: Source,
) -> Result<Verdict, Refusal> {
    if payment.provider_ref.as_deref() != Some(seen.object.as_str()) && !seen.status.has_money() {
        // An object that was made for this payment and never confirmed: nothing can come of it.
        return Ok(Verdict::Stale);
    }
    if let Some(why) = contradiction(payment, seen) {
        return Ok(Verdict::Contradicts(why));
    }
    let event = match (&seen.status, *payment.state) {
        (Status::Authorized { amount_minor }, State::Pending) => {
            payment.authorized_minor = *amount_minor;
            Event::Authorized
        }
        (Status::Captured { amount_minor }, State::Pending | State::Authorized) => {
            payment.captured_minor = *amount_minor;
            // Whatever was captured of it, it was authorised whole before.
            payment.authorized_minor = payment.amount_minor;
            Event::Captured
        }
        (Status::Cancelled, State::Created | State::Pending) if payment.failure.is_some() => Event::Declined,
        (Status::Cancelled, State::Created | State::Pending) => Event::Voided,
        (Status::Cancelled, State::Authorized) if payment.void_requested => Event::Voided,
        (Status::Cancelled, State::Authorized) => Event::AuthorizationLapsed,
        (status, state) => return Ok(no_move(payment, status, state, source)),
    };
    payment.state = draft.step(about(payment), payment.state, event)?.to();
    payment.evidenced = source.is_evidence();
    payment.next_action = None;
    payment.updated_at = draft.context.now;
    let moved_minor = match event {
        Event::Captured => payment.captured_minor,
        Event::Authorized => payment.authorized_minor,
        _ => 0,
    };
    if moved_minor > 0 {
        // An earlier try was declined, a later one was not.
        payment.failure = None;
        // Called off, and too late. A void that is under way still ends it.
        payment.void_requested &= payment.active.is_some();
    }
    let kind = format!("payment.{}", payment.state.name());
    let movement = format!("{kind}/{}/{}", payment.id, seen.object);
    let moved = Money::new(moved_minor, payment.currency);
    tell(draft, payment, &kind, &movement, moved);
    if event == Event::AuthorizationLapsed && payment.booking.is_some() {
        draft.review(about(payment), "authorization_lapsed", "the booking it secured is unpaid".to_owned());
    }
    Ok(Verdict::Agrees)
}

/// What an observation says that can never be true of this payment.
fn contradiction(payment: &Payment, seen: &Observation) -> Option<String> {
    if payment.provider_ref.as_deref() != Some(seen.object.as_str()) {
        return Some(format!("the provider's object is {}", seen.object));
    }
    if seen.amount_minor != payment.amount_minor || seen.currency != payment.currency {
        return Some(format!("the provider's object is for {} {}", seen.amount_minor, seen.currency));
    }
    match (&seen.status, *payment.state) {
        // What was reserved before it ended may be told after it: that is only old. Taken is taken.
        (Status::Authorized { .. }, State::Created)
        | (
            Status::Captured { .. },
            State::Created | State::Failed | State::Cancelled | State::Lapsed | State::WrittenOff,
        ) => Some(format!("money moved while the payment was {}", payment.state.name())),
        (Status::Captured { amount_minor }, State::Captured) if *amount_minor != payment.captured_minor => {
            Some(format!("another amount was captured: {amount_minor}"))
        }
        (Status::Captured { amount_minor } | Status::Authorized { amount_minor }, _)
            if *amount_minor > payment.amount_minor =>
        {
            Some(format!("more than asked for was taken: {amount_minor}"))
        }
        (Status::Authorized { amount_minor }, State::Pending) if *amount_minor < payment.amount_minor => {
            Some(format!("less than asked for was reserved: {amount_minor}"))
        }
        (Status::Captured { amount_minor }, State::Pending)
            if *amount_minor < payment.amount_minor && payment.capture == Capture::Automatic =>
        {
            Some(format!("less than asked for was taken: {amount_minor}"))
        }
        (Status::Cancelled, State::Captured) => Some("it was cancelled after its money was taken".to_owned()),
        _ => None,
    }
}

/// An observation without a move: it may still confirm where the payment stands, or tell what is next.
fn no_move(payment: &mut Payment, status: &Status, state: State, source: Source) -> Verdict {
    match (status, state) {
        (Status::Authorized { .. }, State::Authorized)
        | (Status::Captured { .. }, State::Captured)
        | (Status::Cancelled, State::Failed | State::Cancelled | State::Lapsed | State::WrittenOff) => {
            payment.evidenced |= source.is_evidence();
            Verdict::Agrees
        }
        (Status::NeedsAction(next), State::Pending) => {
            payment.next_action = Some(Json(next.clone()));
            Verdict::Agrees
        }
        (Status::Declined(failure), State::Pending) => {
            payment.failure = Some(Json(failure.clone()));
            Verdict::Agrees
        }
        (Status::Unconfirmed | Status::Processing, State::Created | State::Pending) => Verdict::Agrees,
        _ => Verdict::Stale,
    }
}

/// A contradiction needs a person. Money that it speaks of is booked as suspense meanwhile.
pub(super) fn contradict(draft: &mut Draft<'_>, payment: &mut Payment, seen: &Observation, why: String) {
    let taken_minor = match seen.status {
        Status::Captured { amount_minor } => amount_minor,
        _ => 0,
    };
    // Of the payment's own object the books have a part already.
    let own = payment.provider_ref.as_ref() == Some(&seen.object) && seen.currency == payment.currency;
    let booked_minor = if own { payment.captured_minor } else { 0 };
    if taken_minor > 0 && taken_minor != booked_minor {
        let movement = format!("payment.contradicted/{}/{}/{taken_minor}", payment.id, seen.object);
        let moved = Money::new(taken_minor - booked_minor, seen.currency);
        tell(draft, payment, "payment.contradicted", &movement, moved);
    }
    draft.review(about(payment), "provider_contradicts", why);
}

/// Settles an open attempt by where its payment now stands, and answers its key.
/// `refused` is the provider's word when it turned this very call down.
pub(super) fn settle_attempt(
    draft: &mut Draft<'_>,
    attempt: &mut Attempt,
    payment: &mut Payment,
    refused: Option<&str>,
) -> Result<(), Refusal> {
    if attempt.state.is_final() {
        return Ok(());
    }
    let succeeded = match (attempt.kind, *payment.state) {
        (AttemptKind::Charge, State::Authorized | State::Captured) => true,
        (AttemptKind::Capture, State::Captured) => true,
        (AttemptKind::Void, State::Cancelled | State::Failed | State::Lapsed | State::WrittenOff) => true,
        (
            AttemptKind::Charge | AttemptKind::Capture,
            State::Failed | State::Cancelled | State::Lapsed | State::WrittenOff,
        ) => false,
        (AttemptKind::Void, State::Captured) => false,
        (AttemptKind::Capture | AttemptKind::Void, _) if refused.is_some() => false,
        (kind, state) => {
            // The customer must act: that is a reply too, though the attempt is still under way. So
            // is an outcome that the provider itself does not know at the deadline.
            let waits =
                kind == AttemptKind::Charge && state == State::Pending && payment.next_action.is_some();
            if waits || draft.context.now >= attempt.deadline_at {
                draft.answer(attempt.key, Ok(as_it_stands(attempt, None, payment)));
            }
            return Ok(());
        }
    };
    let event = if succeeded { attempt::Event::Succeed } else { attempt::Event::Decline };
    attempt.state = attempt.state.step(event)?.to();
    attempt.updated_at = draft.context.now;
    attempt.failure.clone_from(&payment.failure);
    if payment.active == Some(attempt.id) {
        payment.active = None;
    }
    if attempt.kind == AttemptKind::Void && payment.state.is(State::Authorized) {
        // It stays reserved, and may be captured or called off again.
        payment.void_requested = false;
        if attempt.key.is_none() {
            draft.review(about(payment), "late_money_not_returned", "its void was turned down".to_owned());
        }
    }
    let answer = answer(attempt, payment, succeeded, refused);
    draft.answer(attempt.key, answer);
    Ok(())
}

fn answer(
    attempt: &Attempt,
    payment: &Payment,
    succeeded: bool,
    refused: Option<&str>,
) -> Result<Reply, Refusal> {
    let id = payment.id.0;
    let code = || refused.unwrap_or(payment.state.name()).to_owned();
    match (attempt.kind, succeeded) {
        (AttemptKind::Charge, true) => Ok(Reply::Payment(Box::new(payment.clone()))),
        (_, true) => Ok(Reply::PaymentChanged(Box::new(payment.clone()))),
        (AttemptKind::Capture, false) => Err(Refusal::CaptureFailed { payment: id, code: code() }),
        (AttemptKind::Void, false) => Err(Refusal::CancelFailed { payment: id, code: code() }),
        (AttemptKind::Charge | AttemptKind::Refund, false) => {
            let (code, retryable) = match &payment.failure {
                Some(Json(failure)) => (failure.code.clone(), failure.retryable),
                None => ("cancelled_before_it_was_paid".to_owned(), true),
            };
            Err(Refusal::PaymentDeclined { payment: id, code, retryable })
        }
    }
}

/// Brings the booking up to its payment. Money counts on evidence only, and once: the payment
/// remembers what its booking has counted, and only what is new can confirm it or goes back. A
/// payment that ended without money frees the booking for another at once.
pub(super) fn book(
    draft: &mut Draft<'_>,
    facts: &Facts,
    payment: &mut Payment,
    source: Source,
) -> Result<(), Refusal> {
    let Some(before) = payment.booking.and_then(|id| facts.bookings.get(id)) else { return Ok(()) };
    let mut booking = before.clone();
    let ended = matches!(*payment.state, State::Failed | State::Cancelled | State::Lapsed);
    let settled = payment.evidenced && source.is_evidence();
    let news = (settled || ended) && count(payment, &mut booking);
    if (ended || (settled && payment.state.is(State::Captured))) && booking.open_payment == Some(payment.id) {
        booking.open_payment = None;
    }
    let mut seats = Seats::default();
    if news && !ended {
        secure(draft, facts, &mut seats, payment, &mut booking)?;
    }
    if booking != *before {
        booking.updated_at = draft.context.now;
        draft.put(booking);
    }
    seats.put(draft);
    Ok(())
}

/// The booking counts what the payment holds now, less what it counted of it before. Answers
/// whether there was anything new.
fn count(payment: &mut Payment, booking: &mut Booking) -> bool {
    let known = (payment.booked_authorized_minor, payment.booked_paid_minor);
    let authorized = if payment.state.is(State::Authorized) { payment.authorized_minor } else { 0 };
    booking.authorized_minor += authorized - payment.booked_authorized_minor;
    booking.paid_minor += payment.captured_minor - payment.booked_paid_minor;
    payment.booked_authorized_minor = authorized;
    payment.booked_paid_minor = payment.captured_minor;
    known != (payment.booked_authorized_minor, payment.booked_paid_minor)
}

/// Money is there: the booking is confirmed if its seats are, else the money goes back.
fn secure(
    draft: &mut Draft<'_>,
    facts: &Facts,
    seats: &mut Seats,
    payment: &mut Payment,
    booking: &mut Booking,
) -> Result<(), Refusal> {
    let captured = payment.state.is(State::Captured);
    if captured && payment.refundable_minor() == 0 {
        // All of it is on its way back already.
        return Ok(());
    }
    // A tenant that captured less than was authorised, or gave a part back, chose so: the whole was
    // secured.
    let waived = if captured { payment.authorized_minor - payment.captured_minor } else { 0 };
    let refunded = booking.refunded_minor - payment.booked_refunded_minor;
    let secured = booking.authorized_minor + booking.paid_minor - refunded + waived >= booking.total_minor;
    match *booking.state {
        booking_lifecycle::State::Held if secured => {}
        // What was due when it was started has grown: earlier money went back meanwhile.
        booking_lifecycle::State::Held => return send_back(draft, payment, "it does not cover the booking"),
        booking_lifecycle::State::Expired if secured && may_retake(draft, facts, seats, booking)? => {}
        booking_lifecycle::State::Expired => return send_back(draft, payment, "the hold had expired"),
        booking_lifecycle::State::Cancelled => return send_back(draft, payment, "the booking was cancelled"),
        _ => return Ok(()),
    }
    let about = booking::about(booking);
    let step = draft.step(about, booking.state, booking_lifecycle::Event::PaymentSecured)?;
    seats.carry_out(facts, booking, step.effects())?;
    booking.state = step.to();
    booking.confirmed_at = Some(draft.context.now);
    booking.ended_at = None;
    booking::tell(draft, booking, "booking.confirmed");
    Ok(())
}

/// Late money: the seats are taken again where the tenant wants that, they are free, and nobody
/// left without them.
fn may_retake(
    draft: &Draft<'_>,
    facts: &Facts,
    seats: &mut Seats,
    booking: &Booking,
) -> Result<bool, Refusal> {
    let wanted = facts
        .tenants
        .get(booking.tenant)
        .is_some_and(|tenant| tenant.settings.0.late_money == LateMoney::Reseat);
    let ahead = seats.slot(facts, booking.slot)?.starts_at > draft.context.now;
    Ok(wanted && ahead && seats.are_free(facts, booking)?)
}

/// Nobody waits for a refund that was sent back by itself: if it fails, a person must see it.
pub(super) fn review_if_unasked(draft: &mut Draft<'_>, payment: &Payment, refund: &Refund) {
    if refund.key.is_none() {
        let code = refund.failure.as_ref().map_or("failed", |failure| failure.0.code.as_str());
        draft.review(about(payment), "late_money_not_returned", format!("its refund failed: {code}"));
    }
}

/// Provably never sent: no money moved, so it is declined for good.
pub(in crate::commands) fn settle_unsent<'a>(
    mut draft: Draft<'a>,
    facts: &Facts,
    mut attempt: Attempt,
    mut payment: Payment,
    refund: Option<Refund>,
    failure: Failure,
) -> Result<Draft<'a>, Refusal> {
    let code = failure.code.clone();
    if let Some(mut refund) = refund {
        let about = about_refund(&refund);
        attempt.state = attempt.state.step(attempt::Event::Decline)?.to();
        refund.state = draft.step(about, refund.state, crate::lifecycle::refund::Event::Failed)?.to();
        refund.failure = Some(Json(failure));
        refund.updated_at = draft.context.now;
        attempt.failure.clone_from(&refund.failure);
        payment.let_go(refund.amount_minor);
        tell_refund(&mut draft, &mut refund, &payment, "refund.failed");
        review_if_unasked(&mut draft, &payment, &refund);
        draft.answer(attempt.key, Err(Refusal::RefundFailed { refund: refund.id.0, code }));
        draft.put(refund);
    } else {
        if attempt.kind == AttemptKind::Charge {
            payment.failure = Some(Json(failure));
            payment.state = draft.step(about(&payment), payment.state, Event::Declined)?.to();
            let movement = format!("payment.failed/{}", payment.id);
            let nothing = Money::new(0, payment.currency);
            tell(&mut draft, &mut payment, "payment.failed", &movement, nothing);
            book(&mut draft, facts, &mut payment, Source::Answer)?;
        }
        settle_attempt(&mut draft, &mut attempt, &mut payment, Some(&code))?;
    }
    payment.updated_at = draft.context.now;
    attempt.updated_at = draft.context.now;
    draft.put(payment);
    draft.put(attempt);
    Ok(draft)
}
