//! Reconciliation: the rows that a page of a run is compared with, and its results.
//!
//! Every query is bounded by a page, and finds its rows by an index.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::lifecycle::{State as _, attempt, difference};
use domain::reconciliation::PostedTransfer;
use domain::rows::{
    AccountReconciliation, Attempt, Difference, DifferenceKind, Movement, Payment, Payout, Reconciliation,
    Refund, Transfer,
};
use domain::working_set::{Column, Kind, Row, Value};
use domain::{
    AccountId, Currency, DifferenceId, PaymentId, PayoutId, ReconciliationId, ReconciliationMarkId, RefundId,
    TenantId, Timestamp,
};
use uuid::Uuid;

use super::filter::{Filter, limit, owned, placeholders, with};
use super::{Cursor, Queries};
use crate::Error;

/// A payment with everything that it is compared by.
#[derive(Clone, Debug)]
pub struct PaymentRows {
    pub payment: Payment,
    pub refunds: Vec<Refund>,
    pub movements: Vec<Movement>,
    pub transfers: Vec<PostedTransfer>,
    /// Messages about it or its refunds are not posted yet.
    pub is_posting: bool,
    /// A call about it may be in flight.
    pub is_under_way: bool,
}

/// The conditions of a search. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct DifferenceSearch {
    /// Only those of these accounts.
    pub accounts: Vec<AccountId>,
    pub state: Option<difference::State>,
    pub kind: Option<DifferenceKind>,
    pub payment: Option<PaymentId>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

impl Queries {
    /// The run of every process.
    pub async fn reconciliation(&self, id: ReconciliationId) -> Result<Option<Reconciliation>, Error> {
        self.row("where id = $1", with![id]).await
    }

    /// Newest first, those of these accounts.
    pub async fn reconciliations(
        &self,
        tenant: TenantId,
        accounts: &[AccountId],
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Reconciliation>, Error> {
        let (rest, parameters) = Filter::of(tenant).one_of("account", accounts).after(after).newest(max);
        self.rows(&rest, parameters).await
    }

    /// When each account was last compared.
    pub async fn account_reconciliations(&self, max: usize) -> Result<Vec<AccountReconciliation>, Error> {
        self.rows("order by id limit $1", with![limit(max)]).await
    }

    /// Latest first. The cursor's instant is `found_at`.
    pub async fn differences(
        &self,
        tenant: TenantId,
        search: &DifferenceSearch,
    ) -> Result<Vec<Difference>, Error> {
        let (rest, parameters) = Filter::over("tenant", ["found_at", "id"], tenant)
            .one_of("account", &search.accounts)
            .and("state =", search.state.map(|state| state.name().to_owned()))
            .and("kind =", search.kind)
            .and("payment =", search.payment)
            .after(search.after)
            .newest(search.limit);
        self.rows(&rest, parameters).await
    }

    pub async fn difference(&self, tenant: TenantId, id: DifferenceId) -> Result<Option<Difference>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Those of these objects that are not settled.
    pub async fn differences_of_objects(
        &self,
        account: AccountId,
        objects: &[String],
    ) -> Result<Vec<Difference>, Error> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = with![account];
        parameters.extend(objects.iter().map(owned));
        let places = placeholders(2, objects.len());
        self.rows(
            &format!("where account = $1 and object in ({places}) and state <> 'settled' order by id"),
            parameters,
        )
        .await
    }

    /// Those of these payments that are not settled.
    pub async fn differences_of_payments(
        &self,
        tenant: TenantId,
        payments: &[PaymentId],
    ) -> Result<Vec<Difference>, Error> {
        let found: Vec<Difference> = self.rows_in(tenant, "payment", payments, "id").await?;
        Ok(found.into_iter().filter(|row| !row.state.is(difference::State::Settled)).collect())
    }

    /// Open ones that this run has not met, in the order of their ids.
    pub async fn unmet_differences(
        &self,
        account: AccountId,
        run: ReconciliationId,
        after: DifferenceId,
        max: usize,
    ) -> Result<Vec<Difference>, Error> {
        let rest =
            "where account = $1 and state = 'open' and last_run <> $2 and id > $3 order by id limit $4";
        self.rows(rest, with![account, run, after, limit(max)]).await
    }

    /// The payments of an account by the provider's ids, or by their own.
    pub async fn payments_to_compare(
        &self,
        tenant: TenantId,
        account: AccountId,
        objects: &[String],
        ids: &[PaymentId],
    ) -> Result<Vec<Payment>, Error> {
        let found = self.by_object_or_id::<Payment>(tenant, objects, ids).await?;
        Ok(found.into_iter().filter(|payment| payment.account == account).collect())
    }

    /// Our refunds by the provider's ids, or by their own.
    pub async fn refunds_to_compare(
        &self,
        tenant: TenantId,
        objects: &[String],
        ids: &[RefundId],
    ) -> Result<Vec<Refund>, Error> {
        self.by_object_or_id(tenant, objects, ids).await
    }

    /// The payouts of an account by the provider's ids of their transfers, or by their own.
    pub async fn payouts_to_compare(
        &self,
        tenant: TenantId,
        account: AccountId,
        objects: &[String],
        ids: &[PayoutId],
    ) -> Result<Vec<Payout>, Error> {
        let found = self.by_object_or_id::<Payout>(tenant, objects, ids).await?;
        Ok(found.into_iter().filter(|payout| payout.account == Some(account)).collect())
    }

    /// Each row once, in the order of the ids.
    async fn by_object_or_id<R: Row>(
        &self,
        tenant: TenantId,
        objects: &[String],
        ids: &[R::Id],
    ) -> Result<Vec<R>, Error>
    where
        R::Id: Column + Ord,
    {
        let by_object: Vec<R> = self.rows_in(tenant, "provider_ref", objects, "id").await?;
        let by_id: Vec<R> = self.rows_in(tenant, "id", ids, "id").await?;
        let found: BTreeMap<R::Id, R> =
            by_object.into_iter().chain(by_id).map(|row| (row.id(), row)).collect();
        Ok(found.into_values().collect())
    }

    /// Each of these payments with its refunds, movements and transfers.
    pub async fn with_rows(
        &self,
        tenant: TenantId,
        payments: Vec<Payment>,
    ) -> Result<Vec<PaymentRows>, Error> {
        let ids: Vec<PaymentId> = payments.iter().map(|payment| payment.id).collect();
        let refunds: Vec<Refund> = self.rows_in(tenant, "payment", &ids, "created_at, id").await?;
        let movements: Vec<Movement> = self.rows_in(tenant, "payment", &ids, "recorded_at, id").await?;
        let attempts: Vec<Attempt> = self.rows_in(tenant, "payment", &ids, "id").await?;
        let of_refund: HashMap<Uuid, PaymentId> =
            refunds.iter().map(|refund| (refund.id.0, refund.payment)).collect();
        let subjects: Vec<Uuid> =
            ids.iter().map(|id| id.0).chain(refunds.iter().map(|refund| refund.id.0)).collect();
        let payment_of = |subject: Uuid| of_refund.get(&subject).copied().unwrap_or(PaymentId(subject));
        let posting: BTreeSet<PaymentId> =
            self.unposted(&subjects).await?.into_iter().map(payment_of).collect();
        let mut transfers: BTreeMap<PaymentId, Vec<PostedTransfer>> = BTreeMap::new();
        for (subject, transfer) in self.transfers_of(tenant, &subjects).await? {
            transfers.entry(payment_of(subject)).or_default().push(transfer);
        }
        let mut refunds = by_payment(refunds, |refund| refund.payment);
        let mut movements = by_payment(movements, |movement| movement.payment);
        let mut attempts = by_payment(attempts, |attempt| attempt.payment);
        let rows = |payment: Payment| {
            let id = payment.id;
            let open = attempts.remove(&id).unwrap_or_default();
            let open = open.iter().any(|row| !row.state.is_final() && !row.state.is(attempt::State::Review));
            PaymentRows {
                payment,
                refunds: refunds.remove(&id).unwrap_or_default(),
                movements: movements.remove(&id).unwrap_or_default(),
                transfers: transfers.remove(&id).unwrap_or_default(),
                is_posting: posting.contains(&id),
                is_under_way: open,
            }
        };
        Ok(payments.into_iter().map(rows).collect())
    }

    /// The subjects of messages that a consumer has not received.
    async fn unposted(&self, subjects: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let places = placeholders(1, subjects.len());
        let sql = format!("select subject from outbox where received_at is null and subject in ({places})");
        self.ids(&sql, subjects.iter().map(|subject| Value::Id(*subject)).collect()).await
    }

    /// The transfers of these payments and refunds, each with the amount that it moves.
    async fn transfers_of(
        &self,
        tenant: TenantId,
        subjects: &[Uuid],
    ) -> Result<Vec<(Uuid, PostedTransfer)>, Error> {
        let transfers: Vec<Transfer> = self.rows_in(tenant, "subject", subjects, "posted_at, id").await?;
        if transfers.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = with![tenant];
        parameters.extend(transfers.iter().map(|transfer| Value::Id(transfer.id.0)));
        let places = placeholders(2, transfers.len());
        let sql = format!(
            "select transfer, amount_minor, currency from postings \
             where tenant = $1 and transfer in ({places}) and amount_minor > 0"
        );
        let kinds = [Kind::Id, Kind::Int, Kind::Text];
        let mut amounts: HashMap<Uuid, (i64, Currency)> = HashMap::new();
        for row in self.values(&sql, parameters, &kinds).await? {
            let [Value::Id(transfer), Value::Int(minor), Value::Text(ref currency)] = row[..] else {
                continue;
            };
            if let Some(currency) = Currency::new(currency) {
                amounts.insert(transfer, (minor, currency));
            }
        }
        let posted = |transfer: Transfer| {
            let (amount_minor, currency) = amounts.get(&transfer.id.0).copied()?;
            let Transfer { kind, movement, subject, .. } = transfer;
            Some((subject, PostedTransfer { kind, movement, amount_minor, currency }))
        };
        Ok(transfers.into_iter().filter_map(posted).collect())
    }

    /// The account's payments that were made in this time, oldest first, from the cursor on.
    pub async fn payments_of_account(
        &self,
        tenant: TenantId,
        account: AccountId,
        time: (Timestamp, Timestamp),
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Payment>, Error> {
        self.made_within(tenant, Some(account), time, after, max).await
    }

    /// The account's payouts that were made in this time, oldest first, from the cursor on.
    pub async fn payouts_of_account(
        &self,
        tenant: TenantId,
        account: AccountId,
        time: (Timestamp, Timestamp),
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Payout>, Error> {
        self.made_within(tenant, Some(account), time, after, max).await
    }

    /// The tenant's refunds that were made in this time, oldest first, from the cursor on. Those of other
    /// accounts are among them.
    pub async fn refunds_made(
        &self,
        tenant: TenantId,
        time: (Timestamp, Timestamp),
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Refund>, Error> {
        self.made_within(tenant, None, time, after, max).await
    }

    /// The end of the time is not included.
    async fn made_within<R: Row>(
        &self,
        tenant: TenantId,
        account: Option<AccountId>,
        (from, before): (Timestamp, Timestamp),
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<R>, Error> {
        let (rest, parameters) = Filter::of(tenant)
            .and("account =", account)
            .and("created_at >=", Some(from))
            .and("created_at <", Some(before))
            .oldest("created_at", after, max);
        self.rows(&rest, parameters).await
    }

    /// Those of the rows that the run has met in the provider's list.
    pub async fn marked(&self, run: ReconciliationId, subjects: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
        if subjects.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids = subjects.iter().map(|subject| Value::Id(ReconciliationMarkId::of(run, *subject).0));
        let sql = format!(
            "select subject from reconciliation_marks where id in ({})",
            placeholders(1, subjects.len())
        );
        Ok(self.ids(&sql, ids.collect()).await?.into_iter().collect())
    }

    pub async fn marks_of(
        &self,
        run: ReconciliationId,
        max: usize,
    ) -> Result<Vec<ReconciliationMarkId>, Error> {
        let sql = "select id from reconciliation_marks where run = $1 order by id limit $2";
        let ids = self.ids(sql, with![run, limit(max)]).await?;
        Ok(ids.into_iter().map(ReconciliationMarkId).collect())
    }
}

fn by_payment<R>(rows: Vec<R>, payment: impl Fn(&R) -> PaymentId) -> BTreeMap<PaymentId, Vec<R>> {
    let mut sorted: BTreeMap<PaymentId, Vec<R>> = BTreeMap::new();
    for row in rows {
        sorted.entry(payment(&row)).or_default().push(row);
    }
    sorted
}
