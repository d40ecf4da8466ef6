//! The ledger: its accounts, their balances at any past time, their postings, and the transfers.
//!
//! A posting is never dated before an earlier one of its account, so what is read here of a past time stays
//! as it is. Of the present, a transaction that is committing may still add to it.

use std::collections::BTreeMap;

use domain::rows::{LedgerAccount, LedgerClosing, Posting, Transfer};
use domain::working_set::{Kind, Value};
use domain::{LedgerAccountId, LedgerClosingId, PostingId, TenantId, Timestamp, TransferId};
use uuid::Uuid;

use super::filter::{limit, owned, placeholders, with};
use super::{Cursor, Queries};
use crate::Error;

/// A line of a statement: a posting to its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    pub posting: PostingId,
    pub posted_at: Timestamp,
    pub transfer: TransferId,
    /// The kind of message that was posted.
    pub kind: String,
    /// What the message is about: a payment, a refund, a booking or a payout.
    pub subject: Uuid,
    pub currency: String,
    /// Debits are positive.
    pub amount_minor: i64,
}

/// The lines of a statement: those behind `after`, from one instant to another.
#[derive(Clone, Copy, Debug)]
pub struct StatementSearch<'a> {
    pub accounts: &'a [LedgerAccountId],
    pub from: Timestamp,
    pub before: Timestamp,
    pub after: Option<Cursor>,
    pub limit: usize,
}

impl Queries {
    pub async fn ledger_account(
        &self,
        tenant: TenantId,
        id: LedgerAccountId,
    ) -> Result<Option<LedgerAccount>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// The account of this name in each currency.
    pub async fn ledger_accounts_named(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<LedgerAccount>, Error> {
        let rest = "where tenant = $1 and name = $2 order by name, currency";
        self.rows(rest, with![tenant, name.to_owned()]).await
    }

    /// In the order of their names, from the one behind `after` on: all, or those that were opened before an
    /// instant.
    pub async fn ledger_accounts(
        &self,
        tenant: TenantId,
        opened_before: Option<Timestamp>,
        after: Option<LedgerAccountId>,
        max: usize,
    ) -> Result<Vec<LedgerAccount>, Error> {
        // An account is never renamed or removed, so its id is a sufficient cursor.
        let behind = after.map(|_| {
            " and (name, currency) > (select name, currency from ledger_accounts where tenant = $1 and id = $4)"
        });
        let behind = behind.unwrap_or_default();
        let mut parameters = with![tenant, limit(max), opened_before.unwrap_or(Timestamp(i64::MAX))];
        parameters.extend(after.map(|after| owned(&after)));
        let rest = format!("where tenant = $1 and created_at < $3{behind} order by name, currency limit $2");
        self.rows(&rest, parameters).await
    }

    /// What each account had before an instant: the last end of a day before it, and the postings since. Those
    /// are at most the postings of two days. An account without postings before it has nothing.
    pub async fn ledger_balances(
        &self,
        tenant: TenantId,
        accounts: &[LedgerAccountId],
        before: Timestamp,
    ) -> Result<BTreeMap<LedgerAccountId, i64>, Error> {
        if accounts.is_empty() {
            return Ok(BTreeMap::new());
        }
        let named = placeholders(3, accounts.len());
        let last_day = "from day_balances where account = ledger_accounts.id and ends_at <= $2 \
             order by ends_at desc limit 1";
        let sql = format!(
            "select id, coalesce((select balance_minor {last_day}), 0) + coalesce((select \
                cast(sum(amount_minor) as bigint) from postings where account = ledger_accounts.id \
                and posted_at >= coalesce((select ends_at {last_day}), 0) and posted_at < $2), 0) \
             from ledger_accounts where tenant = $1 and id in ({named})"
        );
        let mut parameters = with![tenant, before];
        parameters.extend(accounts.iter().map(owned));
        let rows = self.values(&sql, parameters, &[Kind::Id, Kind::Int]).await?;
        let read = |row: Vec<Value<'static>>| {
            let [id, balance] = <[_; 2]>::try_from(row).ok()?;
            Some((LedgerAccountId(id.id()?), balance.int()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Oldest first; the cursor's instant is `posted_at`, its id the posting's.
    pub async fn statement_lines(
        &self,
        tenant: TenantId,
        search: &StatementSearch<'_>,
    ) -> Result<Vec<StatementLine>, Error> {
        let StatementSearch { accounts, from, before, after, limit: max } = *search;
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let behind = after.map_or((Timestamp(i64::MIN), Uuid::nil()), |end| (end.created_at, end.id));
        let named = placeholders(7, accounts.len());
        let sql = format!(
            "select postings.id, postings.posted_at, transfers.id, transfers.kind, transfers.subject, \
                postings.currency, postings.amount_minor \
             from postings \
             join transfers on transfers.id = postings.transfer and transfers.tenant = postings.tenant \
             where postings.tenant = $1 and postings.account in ({named}) and postings.posted_at >= $2 \
             and postings.posted_at < $3 and (postings.posted_at, postings.id) > ($4, $5) \
             order by postings.posted_at, postings.id limit $6"
        );
        let mut parameters = with![tenant, from, before, behind.0, behind.1, limit(max)];
        parameters.extend(accounts.iter().map(owned));
        let kinds = [Kind::Id, Kind::Int, Kind::Id, Kind::Text, Kind::Id, Kind::Text, Kind::Int];
        let rows = self.values(&sql, parameters, &kinds).await?;
        let read = |row: Vec<Value<'static>>| {
            let [posting, posted_at, transfer, kind, subject, currency, amount] =
                <[_; 7]>::try_from(row).ok()?;
            Some(StatementLine {
                posting: PostingId(posting.id()?),
                posted_at: Timestamp(posted_at.int()?),
                transfer: TransferId(transfer.id()?),
                kind: kind.text()?.into_owned(),
                subject: subject.id()?,
                currency: currency.text()?.into_owned(),
                amount_minor: amount.int()?,
            })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// How far the ledger is closed. `None` if nothing was posted and no day was closed.
    pub async fn ledger_closing(&self, tenant: TenantId) -> Result<Option<LedgerClosing>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, LedgerClosingId::of(tenant)]).await
    }

    /// Newest first, each with its postings; the cursor's instant is `posted_at`.
    pub async fn transfers(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Transfer, Vec<Posting>)>, Error> {
        let end = Cursor { created_at: Timestamp(i64::MAX), id: Uuid::max() };
        let Cursor { created_at, id } = after.unwrap_or(end);
        let page =
            "where tenant = $1 and (posted_at, id) < ($2, $3) order by posted_at desc, id desc limit $4";
        let transfers: Vec<Transfer> = self.rows(page, with![tenant, created_at, id, limit(max)]).await?;
        // By their ids, because a transfer that is posted in between changes the page.
        let ids: Vec<TransferId> = transfers.iter().map(|transfer| transfer.id).collect();
        let mut postings: Vec<Posting> =
            self.rows_in(tenant, "transfer", &ids, "transfer, amount_minor desc, id").await?;
        let mut of =
            |transfer: TransferId| postings.extract_if(.., |posting| posting.transfer == transfer).collect();
        Ok(transfers
            .into_iter()
            .map(|transfer| {
                let legs = of(transfer.id);
                (transfer, legs)
            })
            .collect())
    }
}
