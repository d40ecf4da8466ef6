//! Requests about cancellations and their policies.

use domain::Currency;
use domain::cancellation_policy::{Before, CancellationRules, CancelledBy, Preset, RefundTier};
use domain::limits::{GRACE_MINUTES_MAX, ITEMS_PER_BOOKING_MAX, QUANTITY_MAX, TIER_HOURS_MAX, TIERS_MAX};
use domain::split::BASIS_POINTS;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::Money;
use crate::validation_errors::ValidationErrors;

/// Cancels a booking, or some of its tickets. A hold is given up without a body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCancellation {
    /// What the quote shows as `refund`. Necessary once money was paid or reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_refund: Option<Money>,
    /// Who or what cancels; the customer if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<Canceller>,
    /// The tickets to cancel; all if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<CancelledTickets>,
}

/// Who or what cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Canceller {
    #[default]
    Customer,
    Supplier,
    Weather,
    TooFewParticipants,
}

impl From<Canceller> for CancelledBy {
    fn from(by: Canceller) -> CancelledBy {
        match by {
            Canceller::Customer => CancelledBy::Customer,
            Canceller::Supplier => CancelledBy::Supplier,
            Canceller::Weather => CancelledBy::Weather,
            Canceller::TooFewParticipants => CancelledBy::TooFewParticipants,
        }
    }
}

/// Tickets of one item.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelledTickets {
    pub item_id: Uuid,
    /// All tickets of the item if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
}

/// What a cancellation would give back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationQuoteQuery {
    /// Who or what cancels; the customer if absent.
    pub cancelled_by: Option<Canceller>,
    /// Tickets of this item only.
    pub item_id: Option<Uuid>,
    /// So many tickets of the item; all of them if absent.
    pub quantity: Option<i64>,
}

/// A cancellation policy: by the name of a preset, or by its rules. Without both nothing goes back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCancellationPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<PolicyPreset>,
    /// The longest time first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<NewTier>,
    /// How long after the booking, and before the start, everything goes back; 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_minutes: Option<i64>,
    /// What goes back when the weather cancels; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weather_basis_points: Option<i64>,
    /// What goes back when too few people take part; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_few_participants_basis_points: Option<i64>,
}

/// The policies that have a name. `free`: all back until the start. `flexible`: until 24 hours before. `moderate`:
/// until 5 days before, half until one day before. `strict`: until 14 days, half until 7 days. `final`: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyPreset {
    Free,
    Flexible,
    Moderate,
    Strict,
    Final,
}

impl From<PolicyPreset> for Preset {
    fn from(preset: PolicyPreset) -> Preset {
        match preset {
            PolicyPreset::Free => Preset::Free,
            PolicyPreset::Flexible => Preset::Flexible,
            PolicyPreset::Moderate => Preset::Moderate,
            PolicyPreset::Strict => Preset::Strict,
            PolicyPreset::Final => Preset::Final,
        }
    }
}

/// What goes back while this much time is left: exactly one of `hours` and `days`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTier {
    /// Hours that pass, before the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<i64>,
    /// Days of the calendar at the place: the same local time, so many dates earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<i64>,
    /// Hundredths of a percent of the price; rounded half up to the minor unit, by the ticket.
    pub refund_basis_points: i64,
    /// Kept of each ticket besides, in the product's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
}

impl NewTier {
    fn before(self) -> Option<Before> {
        match (self.hours, self.days) {
            (Some(hours), None) => Some(Before::Hours(hours)),
            (None, Some(days)) => Some(Before::Days(days)),
            _ => None,
        }
    }
}

impl NewCancellationPolicy {
    /// The pointers of fees in another currency than the product's.
    pub fn foreign_fees(&self, currency: Currency) -> Vec<String> {
        let is_foreign = |tier: &NewTier| tier.fee.is_some_and(|fee| fee.currency != currency);
        let foreign = self.tiers.iter().enumerate().filter(|(_, tier)| is_foreign(tier));
        foreign.map(|(index, _)| format!("/tiers/{index}/fee/currency")).collect()
    }

    /// `None` if it has neither a preset nor rules.
    pub fn policy(&self) -> Option<CancellationRules> {
        if let Some(preset) = self.preset {
            return Some(CancellationRules::preset(preset.into()));
        }
        let tier = |tier: &NewTier| {
            let fee_minor = tier.fee.map_or(0, |fee| fee.minor);
            Some(RefundTier {
                before: tier.before()?,
                refund_basis_points: tier.refund_basis_points,
                fee_minor,
            })
        };
        (*self != NewCancellationPolicy::default()).then(|| CancellationRules {
            tiers: self.tiers.iter().filter_map(tier).collect(),
            grace_minutes: self.grace_minutes.unwrap_or_default(),
            weather_basis_points: self.weather_basis_points.unwrap_or(BASIS_POINTS),
            too_few_participants_basis_points: self.too_few_participants_basis_points.unwrap_or(BASIS_POINTS),
        })
    }
}

impl Request for NewCancellation {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(refund) = self.expected_refund {
            findings.price("/expected_refund", refund);
        }
        if self.items.len() > 2 * ITEMS_PER_BOOKING_MAX {
            findings.count("/items", self.items.len(), 2 * ITEMS_PER_BOOKING_MAX, "item");
        }
        for (index, cancelled) in self.items.iter().enumerate().take(2 * ITEMS_PER_BOOKING_MAX) {
            if let Some(quantity) = cancelled.quantity {
                findings.between(&format!("/items/{index}/quantity"), quantity, 1, QUANTITY_MAX);
            }
            if self.items[..index].iter().any(|earlier| earlier.item_id == cancelled.item_id) {
                findings.add(format!("/items/{index}/item_id"), "is named twice; add the quantities");
            }
        }
    }
}

impl Request for CancellationQuoteQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(quantity) = self.quantity {
            findings.between("/quantity", quantity, 1, QUANTITY_MAX);
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if self.quantity.is_some() && self.item_id.is_none() {
            findings.add("/quantity", "says nothing without item_id");
        }
    }
}

impl Request for NewCancellationPolicy {
    fn check(&self, findings: &mut ValidationErrors) {
        if self.tiers.len() > TIERS_MAX {
            findings.count("/tiers", self.tiers.len(), TIERS_MAX, "tier");
        }
        for (index, tier) in self.tiers.iter().enumerate().take(TIERS_MAX) {
            let pointer = format!("/tiers/{index}");
            if let Some(hours) = tier.hours {
                findings.between(&format!("{pointer}/hours"), hours, 0, TIER_HOURS_MAX);
            }
            if let Some(days) = tier.days {
                findings.between(&format!("{pointer}/days"), days, 0, TIER_HOURS_MAX / 24);
            }
            if tier.before().is_none() {
                findings.add(&pointer, "needs exactly one of hours and days");
            }
            let points = format!("{pointer}/refund_basis_points");
            findings.between(&points, tier.refund_basis_points, 0, BASIS_POINTS);
            if let Some(fee) = tier.fee {
                findings.price(&format!("{pointer}/fee"), fee);
            }
        }
        if let Some(minutes) = self.grace_minutes {
            findings.between("/grace_minutes", minutes, 0, GRACE_MINUTES_MAX);
        }
        for (pointer, points) in [
            ("/weather_basis_points", self.weather_basis_points),
            ("/too_few_participants_basis_points", self.too_few_participants_basis_points),
        ] {
            if let Some(points) = points {
                findings.between(pointer, points, 0, BASIS_POINTS);
            }
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        let rules = NewCancellationPolicy { preset: None, ..self.clone() };
        if self.preset.is_some() && rules != NewCancellationPolicy::default() {
            findings.add("/preset", "has rules of its own");
        }
        for (index, pair) in self.tiers.windows(2).enumerate() {
            let pointer = format!("/tiers/{}", index + 1);
            let hours = |tier: NewTier| tier.before().map_or(0, Before::nominal_hours);
            if hours(pair[1]) >= hours(pair[0]) {
                findings.add(&pointer, "must be nearer to the start than the tier before");
            }
            if pair[1].refund_basis_points > pair[0].refund_basis_points {
                findings
                    .add(format!("{pointer}/refund_basis_points"), "gives back more than the tier before");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    fn check<R: Request>(body: Value, expected: &[&str]) {
        let shown = body.to_string();
        let found = decode::<R>(body).map_or_else(
            |findings| findings.errors().iter().map(|error| error.pointer.clone()).collect::<Vec<_>>(),
            |_| vec![],
        );
        assert_eq!(found, expected, "{shown}");
    }

    #[test]
    fn a_policy_is_a_preset_or_rules() {
        let tier = |time: &str, left: i64, points: i64| json!({ time: left, "refund_basis_points": points });
        check::<NewCancellationPolicy>(json!({}), &[]);
        check::<NewCancellationPolicy>(json!({ "preset": "moderate" }), &[]);
        check::<NewCancellationPolicy>(json!({ "preset": "lenient" }), &["/preset"]);
        check::<NewCancellationPolicy>(json!({ "preset": "free", "grace_minutes": 5 }), &["/preset"]);
        let tiers = |tiers: &[Value]| json!({ "tiers": tiers });
        check::<NewCancellationPolicy>(tiers(&[tier("days", 2, 10_000), tier("hours", 24, 5_000)]), &[]);
        let equal = [tier("days", 1, 10_000), tier("hours", 24, 5_000)];
        check::<NewCancellationPolicy>(tiers(&equal), &["/tiers/1"]);
        let more = [tier("days", 2, 5_000), tier("days", 1, 5_001)];
        check::<NewCancellationPolicy>(tiers(&more), &["/tiers/1/refund_basis_points"]);
        check::<NewCancellationPolicy>(
            tiers(&[tier("days", 367, 10_001)]),
            &["/tiers/0/days", "/tiers/0/refund_basis_points"],
        );
        let both = json!({ "days": 1, "hours": 1, "refund_basis_points": 1 });
        check::<NewCancellationPolicy>(tiers(&[both]), &["/tiers/0"]);
        let many: Vec<Value> = (0..11).map(|day| tier("days", 20 - day, 1)).collect();
        check::<NewCancellationPolicy>(tiers(&many), &["/tiers"]);
    }

    #[test]
    fn a_preset_is_the_policy_of_its_name() {
        let of = |body| decode::<NewCancellationPolicy>(body).unwrap().policy();
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!({ "preset": "strict" })), Some(CancellationRules::preset(Preset::Strict)));
        let rules = of(json!({ "tiers": [{ "hours": 0, "refund_basis_points": 10_000 }] })).unwrap();
        assert_eq!(rules, CancellationRules::preset(Preset::Free));
    }

    #[test]
    fn a_cancellation_names_each_item_once() {
        let item = "00000000-0000-0000-0000-000000000005";
        check::<NewCancellation>(json!({}), &[]);
        check::<NewCancellation>(
            json!({ "items": [{ "item_id": item, "quantity": 0 }] }),
            &["/items/0/quantity"],
        );
        let twice = json!({ "items": [{ "item_id": item }, { "item_id": item }] });
        check::<NewCancellation>(twice, &["/items/1/item_id"]);
        let negative = json!({ "expected_refund": { "minor": -1, "currency": "EUR" } });
        check::<NewCancellation>(negative, &["/expected_refund/minor"]);
        check::<NewCancellation>(json!({ "cancelled_by": "dog" }), &["/cancelled_by"]);
        check::<CancellationQuoteQuery>(json!({ "quantity": 1 }), &["/quantity"]);
    }
}
