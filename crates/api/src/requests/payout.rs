//! Requests about beneficiaries, split rules, completed bookings and payouts.

use domain::limits::{PERSON_CHARACTERS_MAX, RELEASE_DAYS_MAX, SHARES_MAX, WHY_CHARACTERS_MAX};
use domain::split::BASIS_POINTS;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use super::queries::page;
use crate::Money;
use crate::limits::{NAME_CHARS_MAX, REFERENCE_CHARS_MAX, TOKEN_CHARS_MAX};
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;

/// Somebody who gets a share of bookings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBeneficiary {
    #[schema(example = "Ana Lima, guide")]
    pub name: String,
    /// The provider that transfers the money, such as `stripe`. Absent: a person pays, and records each
    /// payout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: Option<String>,
    /// The beneficiary's own account at that provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "acct_1Guide")]
    pub destination: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// What is absent stays. Payouts that are scheduled keep the destination that they have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedBeneficiary {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `manual`: a person pays from now on. `transfer` needs `provider` and `destination`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<BeneficiaryMethod>,
    /// The provider that transfers the money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: Option<String>,
    /// The beneficiary's own account at that provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "acct_1Guide")]
    pub destination: Option<String>,
    /// `false`: no new split rule may name it, and a person pays what is still released for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Replaces all metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// How a beneficiary is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeneficiaryMethod {
    Transfer,
    Manual,
}

/// How the money of a product's bookings is divided. Without shares it is not divided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSplit {
    /// The platform's part; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_fee: Option<NewPortion>,
    /// Each beneficiary once.
    pub shares: Vec<NewShare>,
    /// The beneficiary who gets what is left. Absent: the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remainder_to: Option<Uuid>,
    /// How long after the completion of a booking its funds are released; 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_after_days: Option<i64>,
}

/// A part of an amount: hundredths of a percent, rounded down, and a fixed sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPortion {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis_points: Option<i64>,
    /// In the product's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Money>,
}

/// The share of one beneficiary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShare {
    pub beneficiary_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis_points: Option<i64>,
    /// In the product's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Money>,
}

/// Completes a booking. It has no parameters and needs no body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCompletion {}

/// What a person did or found out about a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordedOutcome {
    /// A person paid it, or saw at the provider that it was paid.
    Paid,
    /// A person saw at the provider that it was not paid.
    Failed,
    /// All of it came back.
    Returned,
}

/// Records the outcome of a payout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutRecord {
    pub outcome: RecordedOutcome,
    /// What it can be found by, such as the bank's reference.
    #[schema(example = "SEPA 2026-07-01/17")]
    pub reference: String,
    /// Who says so, in free text.
    pub who: String,
    pub why: String,
}

/// Takes a payout back from its beneficiary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayoutReversal {
    /// All that is left of the payout if absent.
    pub amount: Option<Money>,
    /// Who wants it, in free text.
    pub who: String,
    pub why: String,
}

/// A search for payouts, latest first. All filters must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutsQuery {
    pub beneficiary_id: Option<Uuid>,
    pub booking_id: Option<Uuid>,
    pub state: Option<String>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The period of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementQuery {
    /// Movements at this time or later.
    pub from: jiff::Timestamp,
    /// Movements before this time.
    pub to: jiff::Timestamp,
}

impl Request for NewBeneficiary {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.line("/name", &self.name, NAME_CHARS_MAX);
        if let Some(provider) = &self.provider {
            findings.provider("/provider", provider);
        }
        if let Some(destination) = &self.destination {
            findings.visible("/destination", destination, TOKEN_CHARS_MAX);
        }
        findings.metadata(&self.metadata);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        match (&self.provider, &self.destination) {
            (Some(_), None) => findings.add("/destination", "a transfer needs one"),
            (None, Some(_)) => findings.add("/provider", "a destination needs one"),
            _ => {}
        }
    }
}

impl Request for ChangedBeneficiary {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(name) = &self.name {
            findings.line("/name", name, NAME_CHARS_MAX);
        }
        if let Some(provider) = &self.provider {
            findings.provider("/provider", provider);
        }
        if let Some(destination) = &self.destination {
            findings.visible("/destination", destination, TOKEN_CHARS_MAX);
        }
        if let Some(metadata) = &self.metadata {
            findings.metadata(metadata);
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        let is_transfer = self.method == Some(BeneficiaryMethod::Transfer);
        for (pointer, is_given) in
            [("/provider", self.provider.is_some()), ("/destination", self.destination.is_some())]
        {
            if is_transfer && !is_given {
                findings.add(pointer, "a transfer needs one");
            } else if !is_transfer && is_given {
                findings.add(pointer, "must be absent unless the method is transfer");
            }
        }
    }
}

impl NewSplit {
    /// Every part with its pointer.
    fn parts(&self) -> impl Iterator<Item = (String, Option<i64>, Option<Money>)> {
        let fee = self.platform_fee.iter();
        let fee = fee.map(|fee| ("/platform_fee".to_owned(), fee.basis_points, fee.fixed));
        let shares = self.shares.iter().enumerate();
        fee.chain(shares.map(|(at, share)| (format!("/shares/{at}"), share.basis_points, share.fixed)))
    }

    /// The pointers of sums in another currency than the product's.
    pub fn foreign_sums(&self, currency: domain::Currency) -> Vec<String> {
        let is_foreign = |fixed: Option<Money>| fixed.is_some_and(|fixed| fixed.currency != currency);
        let foreign = self.parts().filter(|(_, _, fixed)| is_foreign(*fixed));
        foreign.map(|(pointer, _, _)| format!("{pointer}/fixed/currency")).collect()
    }
}

impl Request for NewSplit {
    fn check(&self, findings: &mut ValidationErrors) {
        if self.shares.len() > SHARES_MAX {
            findings.add("/shares", format!("must not have more than {SHARES_MAX} shares"));
        }
        for (pointer, basis_points, fixed) in self.parts().take(SHARES_MAX + 1) {
            if let Some(points) = basis_points {
                findings.between(&format!("{pointer}/basis_points"), points, 0, BASIS_POINTS);
            }
            if let Some(fixed) = fixed {
                findings.price(&format!("{pointer}/fixed"), fixed);
            }
        }
        for (index, share) in self.shares.iter().enumerate().take(SHARES_MAX) {
            if self.shares[..index].iter().any(|earlier| earlier.beneficiary_id == share.beneficiary_id) {
                findings.add(format!("/shares/{index}/beneficiary_id"), "is named twice");
            }
        }
        if let Some(days) = self.release_after_days {
            findings.between("/release_after_days", days, 0, RELEASE_DAYS_MAX);
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        let points: i64 = self.parts().filter_map(|(_, points, _)| points).sum();
        let has_fixed = self.parts().any(|(_, _, fixed)| fixed.is_some_and(|fixed| fixed.minor > 0));
        if points > BASIS_POINTS {
            findings.add("/shares", "all basis points together exceed the whole amount");
        } else if points == BASIS_POINTS && has_fixed {
            findings.add("/shares", "the basis points take the whole amount, and leave no fixed sum");
        }
        let is_named = |id: &Uuid| self.shares.iter().any(|share| share.beneficiary_id == *id);
        if self.remainder_to.as_ref().is_some_and(|id| !is_named(id)) {
            findings.add("/remainder_to", "is none of the beneficiaries of the shares");
        }
    }
}

impl Request for NewCompletion {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, _: &mut ValidationErrors) {}
}

impl Request for PayoutRecord {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.line("/reference", &self.reference, REFERENCE_CHARS_MAX);
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
        findings.line("/why", &self.why, WHY_CHARACTERS_MAX);
    }
}

impl Request for NewPayoutReversal {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
        findings.line("/why", &self.why, WHY_CHARACTERS_MAX);
    }
}

impl Request for PayoutsQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
    }
}

impl Request for StatementQuery {
    fn check(&self, _: &mut ValidationErrors) {}

    fn check_together(&self, findings: &mut ValidationErrors) {
        if self.to <= self.from {
            findings.add("/to", "must be later than from");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    fn check<R: Request>(body: Value, expected: &[&str]) {
        let found = decode::<R>(body.clone()).map_or_else(|findings| findings.errors().to_vec(), |_| vec![]);
        let found: Vec<_> = found.into_iter().map(|error| error.pointer).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn a_split_never_takes_more_than_the_whole() {
        let (guide, boat) = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002");
        let share = |id: &str, points: i64| json!({ "beneficiary_id": id, "basis_points": points });
        let fixed = |minor: i64| json!({ "fixed": { "minor": minor, "currency": "EUR" } });
        let split = |fee: Value, shares: Vec<Value>| json!({ "platform_fee": fee, "shares": shares });
        check::<NewSplit>(json!({ "shares": [] }), &[]);
        check::<NewSplit>(split(fixed(50), vec![share(guide, 9_999)]), &[]);
        check::<NewSplit>(split(fixed(50), vec![share(guide, 10_000)]), &["/shares"]);
        check::<NewSplit>(split(json!({}), vec![share(guide, 6_000), share(boat, 4_001)]), &["/shares"]);
        check::<NewSplit>(split(json!({}), vec![share(guide, -1)]), &["/shares/0/basis_points"]);
        check::<NewSplit>(split(fixed(-1), vec![share(guide, 1)]), &["/platform_fee/fixed/minor"]);
        check::<NewSplit>(
            split(json!({}), vec![share(guide, 1), share(guide, 1)]),
            &["/shares/1/beneficiary_id"],
        );
        let mut other = split(json!({}), vec![share(guide, 1)]);
        other["remainder_to"] = json!(boat);
        check::<NewSplit>(other, &["/remainder_to"]);
        check::<NewSplit>(json!({ "shares": [], "release_after_days": 91 }), &["/release_after_days"]);
    }

    #[test]
    fn a_transfer_has_a_provider_and_a_destination() {
        check::<NewBeneficiary>(json!({ "name": "Ana" }), &[]);
        check::<NewBeneficiary>(json!({ "name": "Ana", "provider": "stripe", "destination": "acct_1" }), &[]);
        check::<NewBeneficiary>(json!({ "name": "Ana", "provider": "stripe" }), &["/destination"]);
        check::<NewBeneficiary>(json!({ "name": "Ana", "destination": "acct_1" }), &["/provider"]);
    }
}
