//! What a cancellation of sold tickets costs and gives back: the quote that is shown, and the one that is executed.
//!
//! | step | rule |
//! |---|---|
//! | each ticket | the policy of its booking says what goes back of its price: it is credited; the rest is the penalty |
//! | what the booking has beyond what it costs then | goes back, at most what is credited. So a deposit is kept before anything is, and money that was given back before is not given back twice |
//! | reserved money, all tickets cancelled | what the penalty needs is captured, the oldest payment first; the rest is released |
//! | reserved money, some tickets left | stays reserved; a later capture takes at most what is due then |
//! | captured money | the newest payment is refunded first: old ones may be beyond their provider's time limit |
//! | money that a person received | a person gives it back, by a review case |
//! | a payment whose money the bank decides about | gives nothing back |
//! | an amount that the provider cannot move | is rounded down to one that it can |

use alloc::vec::Vec;

use super::ItemRows;
use crate::cancellation_policy::{CancellationRules, CancelledBy, Occasion, Terms};
use crate::ids::{BookingItemId, CancellationPolicyId, PaymentId};
use crate::lifecycle::payment;
use crate::limits::REFUNDS_PER_PAYMENT_MAX;
use crate::money::Money;
use crate::provider::AmountRules;
use crate::refusal::Refusal;
use crate::rows::{Booking, BookingItem, Payment};
use crate::tax;
use crate::time::Timestamp;

/// Tickets to cancel of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelledItem {
    pub item: BookingItemId,
    /// `None`: all of them.
    pub quantity: Option<i64>,
}

/// The cancelled tickets of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct CancelledLine {
    pub item: BookingItem,
    pub quantity: i64,
    pub terms: Terms,
    pub credited_minor: i64,
    pub penalty_minor: i64,
    /// The taxes in what is credited.
    pub credited_tax_minor: i64,
}

/// What becomes of the money of one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyBack {
    Refund {
        minor: i64,
    },
    /// A person received it and gives it back.
    ByHand {
        minor: i64,
    },
    /// All reserved money is released.
    Void {
        released_minor: i64,
    },
    /// The penalty is captured, and the rest is released.
    Capture {
        captured_minor: i64,
        released_minor: i64,
    },
}

impl MoneyBack {
    /// What the customer gets.
    pub const fn minor(self) -> i64 {
        match self {
            MoneyBack::Refund { minor } | MoneyBack::ByHand { minor } => minor,
            MoneyBack::Void { released_minor } | MoneyBack::Capture { released_minor, .. } => released_minor,
        }
    }

    /// The captured money that a provider sends back.
    pub const fn returned_by_provider(self) -> i64 {
        match self {
            MoneyBack::Refund { minor } => minor,
            MoneyBack::ByHand { .. } | MoneyBack::Void { .. } | MoneyBack::Capture { .. } => 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct QuotedCancellation {
    pub lines: Vec<CancelledLine>,
    pub payments: Vec<(PaymentId, MoneyBack)>,
    /// Nothing of the booking is left.
    pub is_whole: bool,
    /// What its tickets credit in all.
    pub credited_minor: i64,
    pub penalty_minor: i64,
    /// What the customer gets back: refunds, and reserved money that is released.
    pub refund: Money,
    /// The part of it that is refunded, by a provider or by hand.
    pub refunded_minor: i64,
    /// The last instant at which the quote holds, unless money moves before. `None`: it does not depend on the time.
    pub holds_until: Option<Timestamp>,
}

/// A cancellation that is looked at or executed. The booking is confirmed, and the payments are all of it.
pub struct Cancellation<'r> {
    pub booking: &'r Booking,
    pub items: &'r [ItemRows<'r>],
    pub payments: &'r [&'r Payment],
    pub policy: &'r dyn Fn(CancellationPolicyId) -> Option<&'r CancellationRules>,
    /// Empty: all tickets.
    pub cancelled: &'r [CancelledItem],
    pub by: CancelledBy,
    pub now: Timestamp,
    pub amounts: AmountRules,
}

impl Cancellation<'_> {
    pub fn quote(&self) -> Result<QuotedCancellation, Refusal> {
        let lines = self.lines()?;
        let cancelled: i64 = lines.iter().map(|line| line.quantity).sum();
        let is_whole = cancelled == self.items.iter().map(ItemRows::sold).sum::<i64>();
        let credited_minor = lines.iter().map(|line| line.credited_minor).sum::<i64>();
        let costs_then = self.booking.total_minor - credited_minor;
        let kept = |payment: &&Payment| {
            payment.captured_minor - payment.refunded_minor - payment.refunding_minor - payment.disputed_minor
        };
        let kept_minor: i64 = self.payments.iter().map(kept).sum();
        let beyond = (kept_minor - costs_then).clamp(0, credited_minor);
        let mut payments = Vec::new();
        let refunded_minor = self.refunds(beyond, &mut payments)?;
        if is_whole {
            self.releases((costs_then - kept_minor).max(0), &mut payments);
        }
        let refund_minor = payments.iter().map(|(_, back)| back.minor()).sum();
        Ok(QuotedCancellation {
            is_whole,
            credited_minor,
            penalty_minor: lines.iter().map(|line| line.penalty_minor).sum(),
            refund: Money::new(refund_minor, self.booking.currency),
            refunded_minor,
            holds_until: lines.iter().filter_map(|line| line.terms.until).min(),
            lines,
            payments,
        })
    }

    fn lines(&self) -> Result<Vec<CancelledLine>, Refusal> {
        if self.cancelled.is_empty() {
            let sold = self.items.iter().filter(|row| row.sold() > 0);
            return Ok(sold.map(|row| self.line(row, row.sold())).collect());
        }
        let line = |cancelled: &CancelledItem| {
            let item = cancelled.item.0;
            let row = self.items.iter().find(|row| row.item.id == cancelled.item);
            let row = row.ok_or(Refusal::ItemNotFound { item })?;
            let quantity = cancelled.quantity.unwrap_or(row.item.quantity);
            match row.sold() {
                sold if quantity > sold => Err(Refusal::NotSoManyTickets { item, sold }),
                // Nobody knows which of them would be left.
                sold if quantity < sold && row.item.checked_in > 0 => {
                    Err(Refusal::TicketsAreCheckedIn { item, checked_in: row.item.checked_in })
                }
                _ => Ok(self.line(row, quantity)),
            }
        };
        self.cancelled.iter().map(line).collect()
    }

    fn line(&self, row: &ItemRows<'_>, quantity: i64) -> CancelledLine {
        let ItemRows { item, slot, product } = *row;
        let occasion = Occasion {
            by: self.by,
            now: self.now,
            booked_at: item.booked_at,
            starts_at: slot.starts_at,
            zone: &product.time_zone,
        };
        let none = CancellationRules::default();
        let policy = item.policy.and_then(|policy| (self.policy)(policy)).unwrap_or(&none);
        let terms = policy.terms(occasion);
        let credited_minor = terms.refund_of_one(item.price_minor) * quantity;
        let penalty_minor = item.price_minor * quantity - credited_minor;
        let taxes = &item.taxes.0;
        let kept_tax = tax::sum(&tax::of_part(taxes, penalty_minor / quantity.max(1), item.price_minor));
        let credited_tax_minor = (tax::sum(taxes) - kept_tax) * quantity;
        let item = item.clone();
        CancelledLine { item, quantity, terms, credited_minor, penalty_minor, credited_tax_minor }
    }

    /// Divides what goes back among the captured payments. Returns the sum, which is less if they have less.
    fn refunds(&self, minor: i64, payments: &mut Vec<(PaymentId, MoneyBack)>) -> Result<i64, Refusal> {
        let captured = |payment: &&&Payment| payment.state.is(payment::State::Captured);
        let mut newest: Vec<&Payment> = self.payments.iter().filter(captured).copied().collect();
        newest.sort_unstable_by_key(|payment| core::cmp::Reverse((payment.created_at, payment.id)));
        let mut left = minor;
        for payment in newest.into_iter().filter(|payment| !payment.refunds_are_blocked()) {
            let part = self.movable(payment, left.min(payment.refundable_minor()));
            if part == 0 {
                continue;
            }
            if payment.refunds >= REFUNDS_PER_PAYMENT_MAX {
                return Err(Refusal::TooManyRefunds { limit: REFUNDS_PER_PAYMENT_MAX });
            }
            left -= part;
            let back = MoneyBack::Refund { minor: part };
            payments.push((
                payment.id,
                if payment.is_manual() { MoneyBack::ByHand { minor: part } } else { back },
            ));
        }
        Ok(minor - left)
    }

    /// Captures what is needed of the reserved money, and releases the rest.
    fn releases(&self, needed: i64, payments: &mut Vec<(PaymentId, MoneyBack)>) {
        let reserved = |payment: &&&Payment| payment.state.is(payment::State::Authorized);
        let mut oldest: Vec<&Payment> = self.payments.iter().filter(reserved).copied().collect();
        oldest.sort_unstable_by_key(|payment| (payment.created_at, payment.id));
        let mut left = needed;
        for payment in oldest {
            let reserved = payment.authorized_minor;
            // Rounded in favour of the customer, as refunds are in favour of nobody: it must be movable.
            let part = self.movable(payment, left.min(reserved));
            left -= part;
            let released_minor = reserved - part;
            let back = match part {
                0 => MoneyBack::Void { released_minor },
                captured_minor => MoneyBack::Capture { captured_minor, released_minor },
            };
            payments.push((payment.id, back));
        }
    }

    /// The amount, rounded down to one that the payment's provider can move.
    fn movable(&self, payment: &Payment, minor: i64) -> i64 {
        if payment.is_manual() {
            return minor;
        }
        let rule = (self.amounts.0)(&payment.provider, payment.currency);
        rule.map_or(0, |rule| minor - minor % rule.step_minor.max(1))
    }
}
