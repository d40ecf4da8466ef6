//! Beneficiaries, releases and payouts.

use std::collections::BTreeMap;

use domain::commands::DueRelease;
use domain::lifecycle::{State, payout};
use domain::rows::{Beneficiary, FundsRelease, Payout};
use domain::working_set::{Kind, Value};
use domain::{BeneficiaryId, BookingId, PaymentId, PayoutId, ReleaseId, TenantId, Timestamp};

use super::filter::{Filter, limit, placeholders, with};
use super::{Cursor, Queries};
use crate::Error;

/// The conditions of a search. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct PayoutSearch {
    pub booking: Option<BookingId>,
    pub beneficiary: Option<BeneficiaryId>,
    pub state: Option<payout::State>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

impl Queries {
    pub async fn beneficiary(
        &self,
        tenant: TenantId,
        id: BeneficiaryId,
    ) -> Result<Option<Beneficiary>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Newest first.
    pub async fn beneficiaries(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Beneficiary>, Error> {
        let (rest, parameters) = Filter::of(tenant).after(after).newest(max);
        self.rows(&rest, parameters).await
    }

    pub async fn release(&self, tenant: TenantId, booking: BookingId) -> Result<Option<FundsRelease>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, ReleaseId::from(booking)]).await
    }

    pub async fn payout(&self, tenant: TenantId, id: PayoutId) -> Result<Option<Payout>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Newest first.
    pub async fn payouts(&self, tenant: TenantId, search: &PayoutSearch) -> Result<Vec<Payout>, Error> {
        let (rest, parameters) = Filter::of(tenant)
            .and("booking =", search.booking)
            .and("beneficiary =", search.beneficiary)
            .and("state =", search.state.map(|state| state.name().to_owned()))
            .after(search.after)
            .newest(search.limit);
        self.rows(&rest, parameters).await
    }

    /// Releases that the timer must check now, the longest due first, each with the payments of its booking.
    pub async fn due_releases(&self, now: Timestamp, max: usize) -> Result<Vec<DueRelease>, Error> {
        let sql = "select booking from releases where state = 'due' and sweep_at <= $1 \
             order by sweep_at limit $2";
        let bookings = self.ids(sql, with![now, limit(max)]).await?;
        if bookings.is_empty() {
            return Ok(Vec::new());
        }
        let names = placeholders(1, bookings.len());
        // The tenant is in the index, so the payments are found through their bookings.
        let sql = format!(
            "select payments.booking, payments.id from bookings join payments \
             on payments.tenant = bookings.tenant and payments.booking = bookings.id \
             where bookings.id in ({names}) order by payments.id"
        );
        let parameters = bookings.iter().map(|id| Value::Id(*id)).collect();
        let mut payments: BTreeMap<uuid::Uuid, Vec<PaymentId>> = BTreeMap::new();
        for row in self.values(&sql, parameters, &[Kind::Id, Kind::Id]).await? {
            if let [Value::Id(booking), Value::Id(payment)] = row[..] {
                payments.entry(booking).or_default().push(PaymentId(payment));
            }
        }
        let due = |id: uuid::Uuid| DueRelease {
            booking: BookingId(id),
            payments: payments.remove(&id).unwrap_or_default(),
        };
        Ok(bookings.into_iter().map(due).collect())
    }
}
