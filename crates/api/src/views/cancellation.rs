//! Cancellation policies, and what a cancellation would give back.

use domain::cancellation_policy::{self as policy, Before};
use domain::commands::{self, CancelledLine, MoneyBack};
use domain::{Currency, PaymentId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Money, time};

/// What customers get back who cancel. A customer within the grace period gets everything, otherwise what the first
/// tier says whose time is left, and after the last tier nothing. When the supplier cancels, everything goes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CancellationPolicy {
    /// The longest time first.
    pub tiers: Vec<Tier>,
    pub grace_minutes: i64,
    /// When the weather cancels.
    pub weather_basis_points: i64,
    /// When too few people take part.
    pub too_few_participants_basis_points: i64,
}

/// What goes back while this much time is left, also at the very instant. It has `hours` or `days`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tier {
    /// Hours that pass, before the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<i64>,
    /// Days of the calendar at the place: the same local time, so many dates earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<i64>,
    pub refund_basis_points: i64,
    /// Kept of each ticket besides.
    pub fee: Money,
}

/// What a cancellation would give back now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CancellationQuote {
    pub booking_id: Uuid,
    /// What the customer gets back: the `expected_refund` of a cancellation.
    pub refund: Money,
    /// What is kept of the price.
    pub penalty: Money,
    /// All tickets that are left are cancelled, and the booking with them.
    pub cancels_booking: bool,
    pub lines: Vec<CancellationLine>,
    /// What becomes of the money of each payment.
    pub payments: Vec<ReturnedMoney>,
    /// The last instant at which the policy says so. `null`: it does not depend on the time. A payment, a refund or a
    /// dispute may change the quote before.
    #[serde(default)]
    pub valid_until: Option<jiff::Timestamp>,
}

/// The cancelled tickets of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CancellationLine {
    pub item_id: Uuid,
    pub name: String,
    pub quantity: i64,
    /// The price of these tickets.
    pub price: Money,
    /// `grace`, `tier`, `after_the_last_tier`, `supplier_cancelled`, `weather` or `too_few_participants`.
    #[schema(example = "tier")]
    pub rule: String,
    /// The number of the tier in the policy, from 1.
    #[serde(default)]
    pub tier: Option<i64>,
    pub refund_basis_points: i64,
    /// Kept of each ticket besides.
    pub fee: Money,
    /// What the policy takes off the price. It first lowers what is still due.
    pub credit: Money,
    /// The rest of the price.
    pub penalty: Money,
}

/// What becomes of the money of a payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReturnedMoney {
    pub payment_id: Uuid,
    /// `refund`, `release` of reserved money, or `by_hand` for money that a person received.
    #[schema(example = "refund")]
    pub how: String,
    pub amount: Money,
    /// The penalty that is captured of reserved money.
    #[serde(default)]
    pub captured: Option<Money>,
}

impl CancellationPolicy {
    pub fn of(rules: &policy::CancellationRules, currency: Currency) -> CancellationPolicy {
        let tier = |tier: &policy::RefundTier| {
            let (hours, days) = match tier.before {
                Before::Hours(hours) => (Some(hours), None),
                Before::Days(days) => (None, Some(days)),
            };
            let fee = Money::new(tier.fee_minor, currency);
            Tier { hours, days, refund_basis_points: tier.refund_basis_points, fee }
        };
        CancellationPolicy {
            tiers: rules.tiers.iter().map(tier).collect(),
            grace_minutes: rules.grace_minutes,
            weather_basis_points: rules.weather_basis_points,
            too_few_participants_basis_points: rules.too_few_participants_basis_points,
        }
    }
}

impl CancellationQuote {
    pub fn of(booking: Uuid, quote: &commands::QuotedCancellation) -> CancellationQuote {
        let currency = quote.refund.currency;
        CancellationQuote {
            booking_id: booking,
            refund: quote.refund.into(),
            penalty: Money::new(quote.penalty_minor, currency),
            cancels_booking: quote.is_whole,
            lines: quote.lines.iter().map(|line| CancellationLine::of(line, currency)).collect(),
            payments: quote
                .payments
                .iter()
                .map(|(id, back)| ReturnedMoney::of(*id, *back, currency))
                .collect(),
            valid_until: quote.holds_until.map(time::instant),
        }
    }
}

impl CancellationLine {
    fn of(line: &CancelledLine, currency: Currency) -> CancellationLine {
        let money = |minor| Money::new(minor, currency);
        let tier = match line.terms.rule {
            policy::Rule::Tier(number) => i64::try_from(number + 1).ok(),
            _ => None,
        };
        CancellationLine {
            item_id: line.item.id.0,
            name: line.item.name.clone(),
            quantity: line.quantity,
            price: money(line.item.price_minor * line.quantity),
            rule: line.terms.rule.name().to_owned(),
            tier,
            refund_basis_points: line.terms.refund_basis_points,
            fee: money(line.terms.fee_minor),
            credit: money(line.credited_minor),
            penalty: money(line.penalty_minor),
        }
    }
}

impl ReturnedMoney {
    fn of(payment: PaymentId, back: MoneyBack, currency: Currency) -> ReturnedMoney {
        let (how, captured) = match back {
            MoneyBack::Refund { .. } => ("refund", None),
            MoneyBack::ByHand { .. } => ("by_hand", None),
            MoneyBack::Void { .. } => ("release", None),
            MoneyBack::Capture { captured_minor, .. } => ("release", Some(captured_minor)),
        };
        ReturnedMoney {
            payment_id: payment.0,
            how: how.to_owned(),
            amount: Money::new(back.minor(), currency),
            captured: captured.map(|minor| Money::new(minor, currency)),
        }
    }
}
