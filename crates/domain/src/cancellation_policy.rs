//! Cancellation policies: what the customer gets back of the price of a cancelled ticket.
//!
//! | who or what cancels | the customer gets back |
//! |---|---|
//! | the customer, within the grace period after the booking and before the start | all |
//! | the customer, otherwise | what the first tier says whose time is left; after the last tier nothing |
//! | the supplier | all |
//! | the weather, or too few participants | what the policy says |
//!
//! A tier's time is left as long as at least that much remains: also at the very instant. Hours are hours that
//! pass. Days are days of the calendar at the place: two days before a start at 09:00 is 09:00 two dates earlier,
//! which is 49 or 47 hours if a clock change lies between.
//!
//! The refund of one ticket is its price times the basis points, rounded half up to the minor unit, less the fee.
//! It is never negative. Everything is counted by the ticket, so several partial cancellations at one time
//! give back exactly what one cancellation would.

use alloc::vec::Vec;
use jiff::tz::TimeZoneDatabase;
use serde::{Deserialize, Serialize};

use crate::split::BASIS_POINTS;
use crate::time::{Span, Timestamp};

/// The rules of one policy. The order of its members is part of its identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancellationRules {
    /// The longest time first; at most [`crate::limits::TIERS_MAX`].
    pub tiers: Vec<RefundTier>,
    /// How long after the booking the customer gets everything back.
    pub grace_minutes: i64,
    pub weather_basis_points: i64,
    pub too_few_participants_basis_points: i64,
}

/// What a customer gets back who cancels while this much time is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundTier {
    pub before: Before,
    /// The share of the price that goes back.
    pub refund_basis_points: i64,
    /// What is kept of each ticket besides.
    pub fee_minor: i64,
}

/// A time before the start of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    Hours(i64),
    /// Days of the calendar at the place.
    Days(i64),
}

impl Before {
    /// To compare two of them. The days of a clock change are not as long.
    pub const fn nominal_hours(self) -> i64 {
        match self {
            Before::Hours(hours) => hours,
            Before::Days(days) => days * 24,
        }
    }

    /// The last instant at which this much time is left.
    fn instant(self, starts_at: Timestamp, zone: &str) -> Timestamp {
        match self {
            Before::Hours(hours) => starts_at.minus(Span::seconds(hours * 3_600)),
            // A zone that is not known here, or a date that is none: days of 24 hours.
            Before::Days(days) => days_before(starts_at, zone, days)
                .unwrap_or_else(|| Before::Hours(days * 24).instant(starts_at, zone)),
        }
    }
}

/// The same local time so many dates earlier. A time that a clock change skips is moved past the gap.
fn days_before(starts_at: Timestamp, zone: &str, days: i64) -> Option<Timestamp> {
    let zone = TimeZoneDatabase::bundled().get(zone).ok()?;
    let start = jiff::Timestamp::from_microsecond(starts_at.0).ok()?.to_zoned(zone.clone());
    let earlier = start.datetime().checked_sub(jiff::Span::new().try_days(days).ok()?).ok()?;
    Some(Timestamp(zone.to_timestamp(earlier).ok()?.as_microsecond()))
}

/// Who or what cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CancelledBy {
    #[default]
    Customer,
    Supplier,
    Weather,
    TooFewParticipants,
}

impl CancelledBy {
    pub const fn name(self) -> &'static str {
        match self {
            CancelledBy::Customer => "customer",
            CancelledBy::Supplier => "supplier",
            CancelledBy::Weather => "weather",
            CancelledBy::TooFewParticipants => "too_few_participants",
        }
    }
}

/// The rule of a policy that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Grace,
    /// The number of the tier, from 0.
    Tier(usize),
    AfterTheLastTier,
    SupplierCancelled,
    Weather,
    TooFewParticipants,
}

impl Rule {
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Grace => "grace",
            Rule::Tier(_) => "tier",
            Rule::AfterTheLastTier => "after_the_last_tier",
            Rule::SupplierCancelled => "supplier_cancelled",
            Rule::Weather => "weather",
            Rule::TooFewParticipants => "too_few_participants",
        }
    }
}

/// When and why a ticket is cancelled.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    pub by: CancelledBy,
    pub now: Timestamp,
    pub booked_at: Timestamp,
    pub starts_at: Timestamp,
    /// The IANA time zone of the place.
    pub zone: &'a str,
}

/// What applies to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub rule: Rule,
    pub refund_basis_points: i64,
    pub fee_minor: i64,
    /// The last instant at which it applies. `None`: it does not depend on the time.
    pub until: Option<Timestamp>,
}

impl Terms {
    const fn whenever(rule: Rule, refund_basis_points: i64) -> Terms {
        Terms { rule, refund_basis_points, fee_minor: 0, until: None }
    }

    /// What goes back of the price of one ticket.
    pub fn refund_of_one(&self, price_minor: i64) -> i64 {
        // The product may exceed 64 bits.
        let product = i128::from(price_minor) * i128::from(self.refund_basis_points);
        let rounded = (product + i128::from(BASIS_POINTS / 2)) / i128::from(BASIS_POINTS);
        let share = i64::try_from(rounded).unwrap_or(price_minor).min(price_minor);
        share.saturating_sub(self.fee_minor).max(0)
    }
}

impl CancellationRules {
    pub fn terms(&self, occasion: Occasion<'_>) -> Terms {
        let Occasion { by, now, booked_at, starts_at, zone } = occasion;
        match by {
            CancelledBy::Supplier => return Terms::whenever(Rule::SupplierCancelled, BASIS_POINTS),
            CancelledBy::Weather => return Terms::whenever(Rule::Weather, self.weather_basis_points),
            CancelledBy::TooFewParticipants => {
                return Terms::whenever(Rule::TooFewParticipants, self.too_few_participants_basis_points);
            }
            CancelledBy::Customer => {}
        }
        let grace_ends = booked_at.plus(Span::seconds(self.grace_minutes * 60)).min(starts_at);
        if self.grace_minutes > 0 && now <= grace_ends {
            return Terms { until: Some(grace_ends), ..Terms::whenever(Rule::Grace, BASIS_POINTS) };
        }
        for (number, tier) in self.tiers.iter().enumerate() {
            let until = tier.before.instant(starts_at, zone);
            if now <= until {
                let RefundTier { refund_basis_points, fee_minor, .. } = *tier;
                return Terms {
                    rule: Rule::Tier(number),
                    refund_basis_points,
                    fee_minor,
                    until: Some(until),
                };
            }
        }
        Terms::whenever(Rule::AfterTheLastTier, 0)
    }

    /// A policy that is offered by its name.
    pub fn preset(preset: Preset) -> CancellationRules {
        let tiers = match preset {
            Preset::Free => &[(Before::Hours(0), BASIS_POINTS)][..],
            Preset::Flexible => &[(Before::Hours(24), BASIS_POINTS)],
            Preset::Moderate => &[(Before::Days(5), BASIS_POINTS), (Before::Days(1), BASIS_POINTS / 2)],
            Preset::Strict => &[(Before::Days(14), BASIS_POINTS), (Before::Days(7), BASIS_POINTS / 2)],
            Preset::Final => &[],
        };
        let tier =
            |&(before, refund_basis_points): &_| RefundTier { before, refund_basis_points, fee_minor: 0 };
        CancellationRules {
            tiers: tiers.iter().map(tier).collect(),
            grace_minutes: 0,
            weather_basis_points: BASIS_POINTS,
            too_few_participants_basis_points: BASIS_POINTS,
        }
    }
}

/// The policies that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Everything back until the start.
    Free,
    /// Everything back until 24 hours before.
    Flexible,
    /// Everything back until 5 days before, half until one day before.
    Moderate,
    /// Everything back until 14 days before, half until 7 days before.
    Strict,
    /// Nothing back.
    Final,
}

impl Preset {
    pub const ALL: [Preset; 5] =
        [Preset::Free, Preset::Flexible, Preset::Moderate, Preset::Strict, Preset::Final];
}

#[cfg(test)]
mod tests;
