//! Disputes, and the evidence that is submitted for them.

use domain::lifecycle::{State, dispute};
use domain::rows::{Dispute, DisputeEvidence};
use domain::working_set::{Kind, Value};
use domain::{DisputeEvidenceId, DisputeId, PaymentId, TenantId, Timestamp};

use super::figures::{COUNT_MAX, RowCount};
use super::filter::{Filter, with};
use super::{Cursor, Queries};
use crate::Error;

/// The conditions of a search. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct DisputeSearch {
    pub payment: Option<PaymentId>,
    pub state: Option<dispute::State>,
    /// The bank takes evidence, and its time ends before.
    pub evidence_due_before: Option<Timestamp>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

/// Disputes that the bank has not decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenDisputes {
    /// By state.
    pub by_state: Vec<RowCount>,
    /// The first time limit of those that still need evidence.
    pub next_due: Option<Timestamp>,
}

impl Queries {
    pub async fn dispute(&self, tenant: TenantId, id: DisputeId) -> Result<Option<Dispute>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Newest first.
    pub async fn disputes(&self, tenant: TenantId, search: &DisputeSearch) -> Result<Vec<Dispute>, Error> {
        let (rest, parameters) = Filter::of(tenant)
            .and("payment =", search.payment)
            .and("state =", search.state.map(|state| state.name().to_owned()))
            .and("evidence_due_at <", search.evidence_due_before)
            .after(search.after)
            .newest(search.limit);
        self.rows(&rest, parameters).await
    }

    pub async fn dispute_evidence(
        &self,
        tenant: TenantId,
        id: DisputeEvidenceId,
    ) -> Result<Option<DisputeEvidence>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Oldest first.
    pub async fn evidence_of_dispute(
        &self,
        tenant: TenantId,
        dispute: DisputeId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<DisputeEvidence>, Error> {
        let (rest, parameters) =
            Filter::of(tenant).and("dispute =", Some(dispute)).oldest("created_at", after, max);
        self.rows(&rest, parameters).await
    }

    /// For the metrics, by the index of open disputes.
    pub(super) async fn open_disputes(&self) -> Result<OpenDisputes, Error> {
        let sql = format!(
            "select state, count(*) from (select state from disputes \
                where state in ('inquiry', 'opened') limit {COUNT_MAX}) as open group by state order by state"
        );
        let rows = self.values(&sql, vec![], &[Kind::Text, Kind::Int]).await?;
        let counted = |mut row: Vec<Value<'static>>| RowCount {
            count: row.pop().and_then(Value::int).unwrap_or(0),
            labels: row.into_iter().filter_map(Value::text).map(std::borrow::Cow::into_owned).collect(),
        };
        let due = "select min(evidence_due_at) from disputes \
            where state in ('inquiry', 'opened') and evidence_submitted_at is null";
        let due = self.values(due, vec![], &[Kind::Int]).await?;
        let next_due = due.into_iter().flatten().next().and_then(Value::int).map(Timestamp);
        Ok(OpenDisputes { by_state: rows.into_iter().map(counted).collect(), next_due })
    }
}
