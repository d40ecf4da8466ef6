//! Cancel a booking, or some of its tickets: a hold without consequences, sold tickets under their policy.
//!
//! | the booking | what happens |
//! |---|---|
//! | is held, without a payment under way | its seats are released |
//! | is confirmed, all tickets | seats back, money back as the quote says, the penalty is recognized as revenue |
//! | is confirmed, some tickets | the same for these; the booking stays confirmed and costs less |
//! | has a payment, a refund or another call under way | refused: the outcome would change the quote |
//! | the quote is not the one that the client expects | refused, with the refund of now |
//!
//! The money moves afterwards: the reply shows the booking, and jobs make the refunds. If one fails, a person has a
//! case.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::cancellation::{Cancellation, CancelledItem, MoneyBack, QuotedCancellation};
use super::{ItemRows, Seats, about, append_message};
use crate::cancellation_policy::CancelledBy;
use crate::commands::draft::{Draft, Origin};
use crate::commands::payment::{self as money, AskedBy, ReturnOrder};
use crate::commands::payouts::{become_due, check_not_released, recognize};
use crate::ids::{BookingId, CancellationPolicyId, PaymentId, RefundId, ReleaseId, TenantId};
use crate::lifecycle::booking::{Event, State};
use crate::lifecycle::{payment, refund};
use crate::money::Money;
use crate::provider::AmountRules;
use crate::refusal::Refusal;
use crate::reply::{BookingReply, Reply};
use crate::rows::{Booking, Facts, Mode, Needs, Payment, Refund};
use crate::time::Span;
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct CancelBooking {
    pub claim: Claim,
    pub booking: BookingId,
    /// The mode of the request's key. Money of the other mode is not moved.
    pub mode: Mode,
    /// Empty: all tickets.
    pub items: Vec<CancelledItem>,
    pub by: CancelledBy,
    /// What the client was shown.
    pub expected_refund: Option<Money>,
    /// The payments of the booking, found by a query.
    pub payments: Vec<PaymentId>,
    pub amounts: AmountRules,
    /// The longest time without a definite outcome, for each movement of money.
    pub deadline: Span,
}

impl CancelBooking {
    /// The refund of a payment that this cancellation has made already: the database was restored since, and the refund
    /// was found at the provider.
    fn made<'f>(&self, facts: &'f Facts, payment: PaymentId) -> Option<&'f Refund> {
        facts.refunds.get(RefundId(self.claim.key.cancellation(payment)))
    }

    /// The payment before this cancellation.
    fn before(&self, facts: &Facts, payment: &Payment) -> Payment {
        let mut payment = payment.clone();
        let Some(made) = self.made(facts, payment.id) else { return payment };
        match *made.state {
            refund::State::Succeeded => payment.refunded_minor -= made.amount_minor,
            refund::State::Created
            | refund::State::Pending
            | refund::State::Unknown
            | refund::State::Review => {
                payment.refunding_minor -= made.amount_minor;
            }
            refund::State::Failed | refund::State::WrittenOff => {}
        }
        payment
    }

    /// The payments, if they are all of the booking and none is in the way.
    fn payments(&self, facts: &Facts, booking: &Booking) -> Result<Vec<Payment>, Refusal> {
        let payments = self.payments.iter().filter_map(|id| facts.payments.get(*id));
        let payments: Vec<&Payment> =
            payments.filter(|payment| payment.booking == Some(booking.id)).collect();
        if i64::try_from(payments.len()) != Ok(booking.payments) {
            return Err(Refusal::ChangedMeanwhile);
        }
        for payment in &payments {
            money::own(facts, self.claim.tenant, self.mode, payment.id)?;
            if let Some(attempt) = payment.active {
                return Err(Refusal::PaymentHasOperationInProgress { attempt: attempt.0 });
            }
            let is_reserved = payment.state.is(payment::State::Authorized) && payment.evidenced;
            if booking.open_payment == Some(payment.id) && !is_reserved {
                return Err(Refusal::BookingHasOpenPayment { payment: payment.id.0 });
            }
        }
        let payments: Vec<Payment> =
            payments.into_iter().map(|payment| self.before(facts, payment)).collect();
        // Whether that money goes back is not known yet.
        match payments.iter().find(|payment| payment.refunding_minor > 0) {
            Some(payment) => Err(Refusal::PaymentHasOperationInProgress { attempt: payment.id.0 }),
            None => Ok(payments),
        }
    }

    fn quote(
        &self,
        facts: &Facts,
        booking: &Booking,
        items: &[ItemRows<'_>],
        context: &Context<'_>,
    ) -> Result<QuotedCancellation, Refusal> {
        let payments = self.payments(facts, booking)?;
        check_not_released(facts, Some(booking.id))?;
        let policy =
            |id: CancellationPolicyId| facts.cancellation_policies.get(id).map(|stored| &stored.rules.0);
        let cancellation = Cancellation {
            booking,
            items,
            payments: &payments.iter().collect::<Vec<_>>(),
            policy: &policy,
            cancelled: &self.items,
            by: self.by,
            now: context.now,
            amounts: self.amounts,
        };
        let quote = cancellation.quote()?;
        let compares = !fault_injection::is(fault_injection::InjectedFault::QuoteNotCompared);
        match self.expected_refund {
            Some(expected) if expected == quote.refund || !compares => Ok(quote),
            Some(_) => Err(Refusal::QuoteHasChanged { refund: quote.refund }),
            // Nothing was paid, so nothing can be expected.
            None if booking.settled_minor == 0 && booking.authorized_minor == 0 => Ok(quote),
            None => Err(Refusal::ExpectedRefundIsMissing { refund: quote.refund }),
        }
    }

    /// Moves the money as the quote says.
    fn give_back(&self, draft: &mut Draft<'_>, facts: &Facts, quote: &QuotedCancellation) {
        let asked_by = AskedBy::Cancellation(self.claim.key);
        for (id, back) in &quote.payments {
            let Some(mut payment) = facts.payments.get(*id).cloned() else { continue };
            match *back {
                MoneyBack::Refund { .. } if self.made(facts, *id).is_some() => continue,
                MoneyBack::Refund { minor } => {
                    let order = self.order(minor, asked_by);
                    money::refund(draft, &mut payment, order);
                }
                MoneyBack::ByHand { minor } => {
                    let detail =
                        format!("{} is to be given back by hand", Money::new(minor, payment.currency));
                    draft.review(money::about(&payment), "refund_by_hand", detail);
                }
                MoneyBack::Void { .. } => {
                    money::void(draft, &mut payment, asked_by, self.deadline, None);
                }
                MoneyBack::Capture { captured_minor, .. } => {
                    money::capture(draft, &mut payment, captured_minor, asked_by, self.deadline, None);
                }
            }
            draft.put(payment);
        }
    }

    fn order(&self, amount_minor: i64, asked_by: AskedBy) -> ReturnOrder {
        ReturnOrder {
            amount_minor,
            reason: Some(format!("cancelled: {}", self.by.name())),
            metadata: BTreeMap::new(),
            asked_by,
            deadline: self.deadline,
            lease: None,
        }
    }

    /// The booking after the quote was carried out.
    fn settle(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        booking: &mut Booking,
        seats: &mut Seats,
        quote: &QuotedCancellation,
    ) {
        for line in &quote.lines {
            seats.give_back(draft, line);
        }
        booking.total_minor -= quote.credited_minor;
        booking.tax_minor -= quote.lines.iter().map(|line| line.credited_tax_minor).sum::<i64>();
        let kept_back = if fault_injection::is(fault_injection::InjectedFault::PenaltyOwedAgain) {
            quote.penalty_minor
        } else {
            0
        };
        booking.settled_minor -= quote.refunded_minor + kept_back;
        booking.updated_at = draft.context.now;
        let why = Some(format!("{}: {} back", self.by.name(), quote.refund));
        draft.audit_because(about(booking), "tickets_cancelled", None, None, why);
        if !quote.is_whole {
            return;
        }
        let step = const { crate::lifecycle::booking::step(State::Confirmed, Event::CustomerCancelled) };
        booking.state = draft.step(about(booking), step);
        booking.ended_at = Some(draft.context.now);
        // What is on its way back is a refund of what was never earned. Nobody knows when a person gives money back, so
        // that is a refund of revenue.
        let is_counted =
            |id| self.made(facts, id).is_some_and(|made| made.state.is(refund::State::Succeeded));
        let returning = quote.payments.iter().filter(|(id, _)| !is_counted(*id));
        let returning: i64 = returning.map(|(_, back)| back.returned_by_provider()).sum();
        recognize(draft, booking, booking.paid_minor - booking.refunded_minor - returning, None);
        if let Some(release) = facts.releases.get(ReleaseId::from(booking.id)) {
            become_due(draft, release);
        }
    }
}

impl Command for CancelBooking {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let mut complete = Some(());
        for id in &self.payments {
            match rows.payment(*id) {
                Some(payment) => _ = rows.account(payment.account),
                None => complete = None,
            }
            rows.refund(RefundId(self.claim.key.cancellation(*id)));
        }
        rows.release(ReleaseId::from(self.booking));
        for policy in rows.booking_items(self.booking).into_iter().flatten().filter_map(|item| item.policy) {
            rows.cancellation_policy(policy);
        }
        ItemRows::needs(rows, self.booking);
        complete.and(Seats::needs(rows, self.booking).map(drop))
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let own = |booking: &&Booking| booking.tenant == self.claim.tenant;
        let booking = facts.bookings.get(self.booking).filter(own);
        let mut booking = booking.cloned().ok_or(Refusal::BookingNotFound)?;
        let items = ItemRows::of(facts, booking.id)?;
        let step = booking.state.require(Event::CustomerCancelled)?;
        let quote = match step.from() {
            State::Confirmed => Some(self.quote(facts, &booking, &items, context)?),
            _ => None,
        };
        if quote.is_none() {
            if let Some(payment) = booking.open_payment {
                return Err(Refusal::BookingHasOpenPayment { payment: payment.0 });
            }
            if !self.items.is_empty() {
                return Err(Refusal::HoldIsCancelledWhole);
            }
        }
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut seats = Seats::default();
        let is_whole = quote.as_ref().is_none_or(|quote| quote.is_whole);
        if let Some(quote) = &quote {
            self.settle(&mut draft, facts, &mut booking, &mut seats, quote);
            self.give_back(&mut draft, facts, quote);
        } else {
            seats.carry_out(facts, &booking, step.effects());
            booking.state = draft.step(about(&booking), step);
            booking.ended_at = Some(context.now);
            booking.updated_at = context.now;
        }
        let mut shown = Vec::new();
        for row in &items {
            shown.extend(seats.after(row.item).map(|item| row.changed(item, seats.changed(row.slot))));
        }
        let kind = if is_whole { "booking.cancelled" } else { "booking.changed" };
        append_message(&mut draft, &mut booking, shown.iter().map(|shown| &shown.item), kind);
        seats.put(&mut draft, facts);
        draft.put(booking.clone());
        Ok(draft.reply(Reply::BookingChanged(Box::new(BookingReply { booking, items: shown }))))
    }
}
