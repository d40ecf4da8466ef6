//! Runs that compare an account's books at its provider with ours, and the differences that they found.

use domain::lifecycle::State as _;
use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Money;
use crate::time;

/// A comparison of an account's books at its provider with ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reconciliation {
    pub id: Uuid,
    pub account_id: Uuid,
    /// Objects that were made at this time or later are compared.
    pub from: jiff::Timestamp,
    /// Objects that were made before this time are compared.
    pub to: jiff::Timestamp,
    /// The person who started it; the timer is nobody.
    #[serde(default)]
    pub requested_by: Option<String>,
    /// `running`, `finished` or `failed`.
    pub state: String,
    /// What it compares now: `provider`, `payments`, `refunds`, `recheck` or `clear`.
    pub stage: String,
    /// Pages that it has compared.
    pub pages: i64,
    /// Objects of the provider that it has compared.
    pub provider_objects: i64,
    /// Rows of ours that it has compared besides.
    pub own_objects: i64,
    /// New differences.
    pub found: i64,
    /// Differences that the provider's own object settled at once, as evidence.
    pub repaired: i64,
    /// Differences that are gone.
    pub settled: i64,
    #[serde(default)]
    pub error: Option<String>,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
    #[serde(default)]
    pub finished_at: Option<jiff::Timestamp>,
}

impl Reconciliation {
    pub fn of(run: &rows::Reconciliation) -> Reconciliation {
        Reconciliation {
            id: run.id.0,
            account_id: run.account.0,
            from: time::instant(run.begins_at),
            to: time::instant(run.ends_at),
            requested_by: run.requested_by.clone(),
            state: run.state.name().to_owned(),
            stage: run.stage.name().to_owned(),
            pages: run.pages,
            provider_objects: run.provider_objects,
            own_objects: run.own_objects,
            found: run.found,
            repaired: run.repaired,
            settled: run.settled,
            error: run.error.clone(),
            created_at: time::instant(run.created_at),
            updated_at: time::instant(run.updated_at),
            finished_at: run.finished_at.map(time::instant),
        }
    }
}

/// A difference between the provider's books and ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    pub id: Uuid,
    pub account_id: Uuid,
    /// How the books differ.
    pub kind: String,
    /// The provider's id of what differs, or ours if the provider has none.
    pub object: String,
    #[serde(default)]
    pub payment_id: Option<Uuid>,
    #[serde(default)]
    pub payout_id: Option<Uuid>,
    #[serde(default)]
    pub at_provider: Option<Money>,
    #[serde(default)]
    pub here: Option<Money>,
    #[serde(default)]
    pub in_ledger: Option<Money>,
    pub detail: String,
    /// `open`, `settled` or `accepted`.
    pub state: String,
    /// Who takes care of it.
    #[serde(default)]
    pub assignee: Option<String>,
    /// The run that found it first.
    pub first_run_id: Uuid,
    /// The last run that has compared its object.
    pub last_run_id: Uuid,
    /// When its object was made.
    pub object_at: jiff::Timestamp,
    pub found_at: jiff::Timestamp,
    pub seen_at: jiff::Timestamp,
    #[serde(default)]
    pub closed_at: Option<jiff::Timestamp>,
    /// The person who accepted it.
    #[serde(default)]
    pub closed_by: Option<String>,
    /// The person's reason, or what settled it.
    #[serde(default)]
    pub closed_because: Option<String>,
}

impl Difference {
    pub fn of(row: &rows::Difference) -> Difference {
        let money = |minor: Option<i64>, currency: Option<domain::Currency>| {
            Some(Money::from(domain::Money::new(minor?, currency?)))
        };
        Difference {
            id: row.id.0,
            account_id: row.account.0,
            kind: row.kind.name().to_owned(),
            object: row.object.clone(),
            payment_id: row.payment.map(|payment| payment.0),
            payout_id: row.payout.map(|payout| payout.0),
            at_provider: money(row.provider_minor, row.provider_currency),
            here: money(row.own_minor, row.own_currency),
            in_ledger: money(row.ledger_minor, row.own_currency),
            detail: row.detail.clone(),
            state: row.state.name().to_owned(),
            assignee: row.assignee.clone(),
            first_run_id: row.first_run.0,
            last_run_id: row.last_run.0,
            object_at: time::instant(row.object_at),
            found_at: time::instant(row.found_at),
            seen_at: time::instant(row.seen_at),
            closed_at: row.closed_at.map(time::instant),
            closed_by: row.closed_by.clone(),
            closed_because: row.closed_because.clone(),
        }
    }
}
