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

/// A line of a beneficiary's statement: a posting to the account of what is owed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    pub posted_at: Timestamp,
    /// The id of the transfer.
    pub transfer: uuid::Uuid,
    /// The kind of message that was posted.
    pub kind: String,
    /// The booking or the payout.
    pub subject: uuid::Uuid,
    pub currency: String,
    /// Debits are positive: a payout is one, a share is a credit.
    pub amount_minor: i64,
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

    /// What an account had before this instant, by currency.
    pub async fn ledger_balances_before(
        &self,
        tenant: TenantId,
        account: &str,
        before: Timestamp,
    ) -> Result<BTreeMap<String, i64>, Error> {
        let sql = "select postings.currency, cast(sum(postings.amount_minor) as bigint) \
             from ledger_accounts \
             join postings on postings.account = ledger_accounts.id \
             join transfers on transfers.id = postings.transfer and transfers.tenant = postings.tenant \
             where ledger_accounts.tenant = $1 and ledger_accounts.name = $2 and transfers.posted_at < $3 \
             group by postings.currency";
        let parameters = with![tenant, account.to_owned(), before];
        let rows = self.values(sql, parameters, &[Kind::Text, Kind::Int]).await?;
        let read = |row: Vec<Value<'static>>| {
            let [currency, sum] = <[_; 2]>::try_from(row).ok()?;
            Some((currency.text()?.into_owned(), sum.int()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// The postings of an account from one instant to another, oldest first, at most `max`.
    pub async fn statement_lines(
        &self,
        tenant: TenantId,
        account: &str,
        from: Timestamp,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<StatementLine>, Error> {
        let sql = "select transfers.posted_at, transfers.id, transfers.kind, transfers.subject, \
                postings.currency, postings.amount_minor \
             from ledger_accounts \
             join postings on postings.account = ledger_accounts.id \
             join transfers on transfers.id = postings.transfer and transfers.tenant = postings.tenant \
             where ledger_accounts.tenant = $1 and ledger_accounts.name = $2 \
             and transfers.posted_at >= $3 and transfers.posted_at < $4 \
             order by transfers.posted_at, transfers.id limit $5";
        let parameters = with![tenant, account.to_owned(), from, before, limit(max)];
        let kinds = [Kind::Int, Kind::Id, Kind::Text, Kind::Id, Kind::Text, Kind::Int];
        let rows = self.values(sql, parameters, &kinds).await?;
        let read = |row: Vec<Value<'static>>| {
            let [posted_at, transfer, kind, subject, currency, amount] = <[_; 6]>::try_from(row).ok()?;
            Some(StatementLine {
                posted_at: Timestamp(posted_at.int()?),
                transfer: transfer.id()?,
                kind: kind.text()?.into_owned(),
                subject: subject.id()?,
                currency: currency.text()?.into_owned(),
                amount_minor: amount.int()?,
            })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }
}
