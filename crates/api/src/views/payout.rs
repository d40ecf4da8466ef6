//! Beneficiaries, split rules, releases, payouts and statements.

use domain::lifecycle::State as _;
use domain::rows;
use domain::split::{Portion as PortionRule, SplitRule};
use domain::{Currency, split};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Metadata;
use crate::problem::Failure;
use crate::{Money, time};

/// Somebody who gets a share of bookings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Beneficiary {
    pub id: Uuid,
    pub name: String,
    /// `transfer`: the provider pays. `manual`: a person pays, and records it.
    pub method: String,
    #[serde(default)]
    pub provider: Option<String>,
    /// The beneficiary's own account at the provider.
    #[serde(default)]
    pub destination: Option<String>,
    pub metadata: Metadata,
    pub created_at: jiff::Timestamp,
    /// An inactive one gets no new split rules, and a person pays what is still released for it.
    pub active: bool,
    pub updated_at: jiff::Timestamp,
}

/// How the money of a booking is divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Split {
    pub platform_fee: Portion,
    pub shares: Vec<Share>,
    /// The beneficiary who gets what is left. `null`: the platform.
    #[serde(default)]
    pub remainder_to: Option<Uuid>,
    /// How long after the completion of a booking its funds are released.
    pub release_after_days: i64,
}

/// A part of an amount: hundredths of a percent, rounded down, and a fixed sum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Portion {
    pub basis_points: i64,
    pub fixed: Money,
}

/// The share of one beneficiary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    pub beneficiary_id: Uuid,
    pub basis_points: i64,
    pub fixed: Money,
}

/// Where the funds of a booking stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Release {
    pub booking_id: Uuid,
    /// `pending` until the booking is completed, then `due`. `released` once the funds are divided,
    /// `void` if no money was left, `review` if a person must decide.
    #[schema(example = "released")]
    pub state: String,
    /// The rule of the product when the booking was made.
    pub split: Split,
    #[serde(default)]
    pub due_at: Option<jiff::Timestamp>,
    #[serde(default)]
    pub released_at: Option<jiff::Timestamp>,
    /// What was divided, and the platform's part of it.
    pub released: Money,
    pub platform: Money,
}

/// The payment of one beneficiary's share of one booking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Payout {
    pub id: Uuid,
    pub booking_id: Uuid,
    pub beneficiary_id: Uuid,
    /// `scheduled`, `sent`, `unknown`, `review`, `failed`, `paid` or `returned`.
    #[schema(example = "paid")]
    pub state: String,
    /// `transfer` or `manual`. A transfer that failed and that a person paid becomes manual.
    pub method: String,
    pub amount: Money,
    /// What came back.
    pub returned: Money,
    /// The provider's id of the transfer, once there is one.
    #[serde(default)]
    pub provider_reference: Option<String>,
    /// What a person recorded, such as the bank's reference.
    #[serde(default)]
    pub reference: Option<String>,
    /// Why the transfer was refused, or the last reversal of a payout that is paid.
    #[serde(default)]
    pub failure: Option<Failure>,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
    /// What is being taken back; null if nothing is.
    #[serde(default)]
    pub being_reversed: Option<Money>,
}

/// What was owed to a beneficiary, and what was paid, in one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    pub beneficiary_id: Uuid,
    pub from: jiff::Timestamp,
    pub to: jiff::Timestamp,
    /// What was owed at the beginning and at the end, one entry for each currency.
    pub balances: Vec<StatementBalance>,
    /// Oldest first.
    pub movements: Vec<StatementMovement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementBalance {
    pub opening: Money,
    pub closing: Money,
}

/// One movement of what is owed: a share raises it, a payout reduces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementMovement {
    pub at: jiff::Timestamp,
    /// `booking.released`, `payout.paid` or `payout.returned`.
    pub kind: String,
    /// The booking or the payout.
    pub subject_id: Uuid,
    /// The transfer in the ledger.
    pub transfer_id: Uuid,
    /// Negative for a payout.
    pub amount: Money,
}

impl Beneficiary {
    pub fn of(beneficiary: &rows::Beneficiary) -> Beneficiary {
        Beneficiary {
            id: beneficiary.id.0,
            name: beneficiary.name.clone(),
            method: beneficiary.method.name().to_owned(),
            provider: beneficiary.provider.clone(),
            destination: beneficiary.destination.clone(),
            metadata: beneficiary.metadata.0.clone(),
            created_at: time::instant(beneficiary.created_at),
            active: beneficiary.deactivated_at.is_none(),
            updated_at: time::instant(beneficiary.updated_at),
        }
    }
}

impl Split {
    pub fn of(rule: &SplitRule, currency: Currency) -> Split {
        let fixed = |portion: PortionRule| Money::new(portion.fixed_minor, currency);
        let share = |share: &split::Share| Share {
            beneficiary_id: share.beneficiary.0,
            basis_points: share.portion.basis_points,
            fixed: fixed(share.portion),
        };
        let fee = rule.platform_fee;
        Split {
            platform_fee: Portion { basis_points: fee.basis_points, fixed: fixed(fee) },
            shares: rule.shares.iter().map(share).collect(),
            remainder_to: rule.remainder.map(|id| id.0),
            release_after_days: rule.release_after_days,
        }
    }
}

impl Release {
    pub fn of(release: &rows::FundsRelease) -> Release {
        Release {
            booking_id: release.booking.0,
            state: release.state.name().to_owned(),
            split: Split::of(&release.split.0, release.currency),
            due_at: release.due_at.map(time::instant),
            released_at: release.released_at.map(time::instant),
            released: Money::new(release.released_minor, release.currency),
            platform: Money::new(release.platform_minor, release.currency),
        }
    }
}

impl Payout {
    pub fn of(payout: &rows::Payout) -> Payout {
        Payout {
            id: payout.id.0,
            booking_id: payout.booking.0,
            beneficiary_id: payout.beneficiary.0,
            state: payout.state.name().to_owned(),
            method: payout.method.name().to_owned(),
            amount: Money::new(payout.amount_minor, payout.currency),
            returned: Money::new(payout.returned_minor, payout.currency),
            provider_reference: payout.provider_ref.clone(),
            reference: payout.reference.clone(),
            failure: payout.failure.as_ref().map(|failure| Failure::from(&failure.0)),
            created_at: time::instant(payout.created_at),
            updated_at: time::instant(payout.updated_at),
            being_reversed: payout
                .is_being_reversed()
                .then(|| Money::new(payout.reversing_minor, payout.currency)),
        }
    }
}
