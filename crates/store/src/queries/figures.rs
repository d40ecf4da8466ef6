//! Figures for the metrics, counted from committed rows, so that a killed process loses nothing.
//!
//! | what | how it is counted | what it costs |
//! |---|---|---|
//! | open and waiting rows | by partial indexes, at most [`COUNT_MAX`] of each | the open rows |
//! | the states of the other rows | by the counters, which each transaction writes | a few rows |
//! | a recount of the counters | by whole tables, only for tests and `surehold check` | all rows |

use domain::Timestamp;
use domain::working_set::{Kind, Value};

use super::Queries;
use super::dispute::OpenDisputes;
use super::filter::with;
use crate::Error;

/// Waiting rows are counted up to this number, so that a figure stays cheap during an outage.
pub const COUNT_MAX: i64 = 100_000;

/// The number of rows with these values: `["charge", "sent"]` for attempts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowCount {
    pub labels: Vec<String>,
    pub count: i64,
}

/// How many rows wait, and since when the oldest does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitingRows {
    pub count: i64,
    pub oldest: Option<Timestamp>,
}

/// Work that was accepted and has not reached all its receivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that were not published.
    pub outbox_pending: i64,
    pub outbox_oldest_pending: Option<Timestamp>,
    /// Published, and a consumer's receipt is missing.
    pub outbox_unreceived: i64,
    /// Deliveries that failed and are tried again.
    pub deliveries_waiting: i64,
    /// Providers' events that are not processed.
    pub events_received: i64,
}

/// The state of the work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub backlog: Backlog,
    pub deliveries_dead: i64,
    pub events_dead: i64,
    /// Jobs that are ready or run, by state.
    pub jobs: Vec<RowCount>,
    pub jobs_dead: i64,
    /// Jobs that are due and not claimed, or whose lease has lapsed.
    pub jobs_due: WaitingRows,
    /// Attempts without a definite outcome, by kind and state.
    pub attempts_open: Vec<RowCount>,
    /// Review cases for a person: opened within the last hour, the last day, and longer ago.
    pub reviews_open: [i64; 3],
    pub reviews_oldest: Option<Timestamp>,
    /// When the account whose books were compared longest ago was last compared, or known first.
    pub reconciled_oldest: Option<Timestamp>,
    pub disputes_open: OpenDisputes,
    pub holds: i64,
    /// Holds past their expiry that are not expired yet.
    pub holds_lapsed: WaitingRows,
    /// Authorised payments whose tenant was warned that the authorisation expires.
    pub authorizations_expiring: i64,
    /// Payouts that are neither paid nor failed, by state.
    pub payouts_open: Vec<RowCount>,
    /// Releases whose funds are due and not released.
    pub releases_due: WaitingRows,
    /// The counters of the transactions: rows that are not under way, by subject and word.
    pub counters: Vec<RowCount>,
}

const HOUR: domain::time::Span = domain::time::Span::seconds(60 * 60);
const DAY: domain::time::Span = domain::time::Span::seconds(24 * 60 * 60);

impl Queries {
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let pending = self.waiting("outbox where position is null", "created_at", vec![]).await?;
        Ok(Backlog {
            outbox_pending: pending.count,
            outbox_oldest_pending: pending.oldest,
            outbox_unreceived: self
                .count("outbox where position is not null and received_at is null")
                .await?,
            deliveries_waiting: self.count("inbox where state = 'waiting'").await?,
            events_received: self.count("inbound_events where state = 'received'").await?,
        })
    }

    /// All figures, by partial indexes and counters: cheap for tables of any size.
    pub async fn figures(&self, now: Timestamp) -> Result<Figures, Error> {
        let due = "jobs where state in ('ready', 'running') and due_at <= $1";
        let reviews = self.waiting("reviews where state = 'open'", "opened_at", vec![]).await?;
        let lapsed = "bookings where state = 'held' and sweep_at <= $1";
        Ok(Figures {
            backlog: self.backlog().await?,
            deliveries_dead: self.count("inbox where state = 'dead'").await?,
            events_dead: self.count("inbound_events where state = 'dead'").await?,
            jobs: self.counted("jobs where state in ('ready', 'running')", &["state"]).await?,
            jobs_dead: self.count("jobs where state = 'dead'").await?,
            jobs_due: self.waiting(due, "due_at", with![now]).await?,
            attempts_open: self
                .counted(
                    "attempts where state in ('created', 'sent', 'unknown', 'review')",
                    &["kind", "state"],
                )
                .await?,
            reviews_open: self.reviews_by_age(now).await?,
            reviews_oldest: reviews.oldest,
            reconciled_oldest: self.reconciled_oldest().await?,
            disputes_open: self.open_disputes().await?,
            holds: self.count("bookings where state = 'held'").await?,
            holds_lapsed: self.waiting(lapsed, "sweep_at", with![now]).await?,
            authorizations_expiring: self
                .count("payments where state = 'authorized' and expiry_warned = 1")
                .await?,
            payouts_open: self
                .counted("payouts where state in ('scheduled', 'sent', 'unknown', 'review')", &["state"])
                .await?,
            releases_due: self
                .waiting("releases where state = 'due' and due_at <= $1", "due_at", with![now])
                .await?,
            counters: self.counters().await?,
        })
    }

    async fn reconciled_oldest(&self) -> Result<Option<Timestamp>, Error> {
        let sql = "select coalesce(succeeded_at, created_at) from account_reconciliations \
             order by coalesce(succeeded_at, created_at) limit 1";
        let rows = self.values(sql, vec![], &[Kind::Int]).await?;
        Ok(rows.into_iter().flatten().next().and_then(Value::int).map(Timestamp))
    }

    async fn counters(&self) -> Result<Vec<RowCount>, Error> {
        let sql = "select subject, word, cast(sum(count) as bigint) from counters \
             group by subject, word having sum(count) <> 0 order by subject, word";
        self.counted_by(sql, 2).await
    }

    /// The correct values of the counters, counted from whole tables. Late payments that were
    /// seated are counted from the audit, so this is less than the counters after the audit was
    /// pruned. No metric uses it.
    pub async fn recounted(&self) -> Result<Vec<RowCount>, Error> {
        let sql = "select subject, word, count from ( \
                select 'bookings' as subject, state as word, count(*) as count from bookings \
                    where state <> 'held' group by state \
                union all select 'payments', state, count(*) from payments \
                    where state not in ('created', 'pending') group by state \
                union all select 'refunds', state, count(*) from refunds \
                    where state in ('succeeded', 'written_off', 'failed') group by state \
                union all select 'payouts', state, count(*) from payouts \
                    where state in ('failed', 'paid', 'returned') group by state \
                union all select 'transfers', kind, count(*) from transfers group by kind \
                union all select 'differences', kind, count(*) from differences where state = 'open' \
                    group by kind \
                union all select 'unknown_attempts', within, count(*) from ( \
                        select case when waited < 60000000 then 'a_minute' \
                            when waited < 600000000 then 'ten_minutes' \
                            when waited < 3600000000 then 'an_hour' \
                            when waited < 86400000000 then 'a_day' else 'longer' end as within \
                        from (select updated_at - unknown_since as waited from attempts \
                            where unknown_since is not null \
                            and state in ('succeeded', 'declined', 'written_off')) as waits) as resolved \
                    group by within \
                union all select 'late_payments', 'refunded', count(*) from refunds \
                    where key is null and external = 0 \
                union all select 'late_payments', 'voided', count(*) from attempts \
                    where kind = 'void' and key is null \
                union all select 'late_payments', 'seated', count(*) from audit \
                    where subject_kind = 'booking' and from_state = 'expired' and to_state = 'confirmed' \
            ) as counted where count > 0 order by subject, word";
        self.counted_by(sql, 2).await
    }

    /// Bytes of write-ahead log since the server was set up. A run's own bytes are the difference.
    /// `None` on SQLite, which restarts its log and counts nothing.
    pub async fn wal_bytes(&self) -> Result<Option<i64>, Error> {
        if self.is_sqlite() {
            return Ok(None);
        }
        // Differs by necessity: only PostgreSQL knows.
        let sql = "select cast(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bigint)";
        self.number(sql, vec![]).await.map(Some)
    }

    async fn count(&self, of: &str) -> Result<i64, Error> {
        self.number(
            &format!("select count(*) from (select 1 from {of} limit {COUNT_MAX}) as counted"),
            vec![],
        )
        .await
    }

    async fn waiting(
        &self,
        of: &str,
        since: &str,
        parameters: Vec<Value<'static>>,
    ) -> Result<WaitingRows, Error> {
        let sql = format!(
            "select count(*), min(since) from \
             (select {since} as since from {of} order by {since} limit {COUNT_MAX}) as counted"
        );
        let rows = self.values(&sql, parameters, &[Kind::Int, Kind::Int]).await?;
        let mut row = rows.into_iter().flatten().map(Value::int);
        let (count, oldest) = (row.next().flatten(), row.next().flatten());
        Ok(WaitingRows { count: count.unwrap_or(0), oldest: oldest.map(Timestamp) })
    }

    async fn reviews_by_age(&self, now: Timestamp) -> Result<[i64; 3], Error> {
        let sql = format!(
            "select coalesce(sum(case when opened_at > $1 then 1 else 0 end), 0), \
             coalesce(sum(case when opened_at <= $1 and opened_at > $2 then 1 else 0 end), 0), \
             coalesce(sum(case when opened_at <= $2 then 1 else 0 end), 0) \
             from (select opened_at from reviews where state = 'open' limit {COUNT_MAX}) as counted"
        );
        let rows = self.values(&sql, with![now.minus(HOUR), now.minus(DAY)], &[Kind::Int; 3]).await?;
        let mut counts = rows.into_iter().flatten().map(|value| value.int().unwrap_or(0));
        Ok(std::array::from_fn(|_| counts.next().unwrap_or(0)))
    }

    async fn counted(&self, of: &str, columns: &[&str]) -> Result<Vec<RowCount>, Error> {
        let names = columns.join(", ");
        let sql = format!(
            "select {names}, count(*) from (select {names} from {of} limit {COUNT_MAX}) as counted \
             group by {names} order by {names}"
        );
        self.counted_by(&sql, columns.len()).await
    }

    async fn counted_by(&self, sql: &str, columns: usize) -> Result<Vec<RowCount>, Error> {
        let mut kinds = vec![Kind::Text; columns];
        kinds.push(Kind::Int);
        let rows = self.values(sql, vec![], &kinds).await?;
        let counted = |mut row: Vec<Value<'static>>| RowCount {
            count: row.pop().and_then(Value::int).unwrap_or(0),
            labels: row.into_iter().filter_map(Value::text).map(std::borrow::Cow::into_owned).collect(),
        };
        Ok(rows.into_iter().map(counted).collect())
    }
}
