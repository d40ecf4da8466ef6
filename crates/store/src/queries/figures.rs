//! Figures for the metrics, counted from committed rows: a killed process forgets nothing.
//!
//! | what | how it is counted | what it costs |
//! |---|---|---|
//! | what is open or waits | by partial indexes, at most [`COUNT_MAX`] of each | what is open |
//! | where everything else stands | the counters, which each transaction keeps | a few rows |
//! | the counters again | whole tables: for tests and for `surehold check` alone | all there is |

use domain::Timestamp;
use domain::working_set::{Kind, Value};

use super::Queries;
use super::filter::with;
use crate::Error;

/// What waits is counted up to this number, so that a figure stays cheap when there is trouble.
pub const COUNT_MAX: i64 = 100_000;

/// How many rows have these words: `["charge", "sent"]` for attempts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowCount {
    pub words: Vec<String>,
    pub count: i64,
}

/// What waits: how many, and since when the oldest does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitingRows {
    pub count: i64,
    pub oldest: Option<Timestamp>,
}

/// What was taken in or decided, and is not yet everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that were not published.
    pub outbox_pending: i64,
    pub outbox_oldest_pending: Option<Timestamp>,
    /// Published, and a consumer's receipt is missing.
    pub outbox_unreceived: i64,
    /// Deliveries that failed and are tried again.
    pub deliveries_waiting: i64,
    /// Providers' events that nobody has looked at.
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
    /// Jobs that are due and that nobody has claimed, or whose lease has lapsed.
    pub jobs_due: WaitingRows,
    /// Attempts without a definite outcome, by kind and state.
    pub attempts_open: Vec<RowCount>,
    /// Review cases for a person: opened within the last hour, the last day, and longer ago.
    pub reviews_open: [i64; 3],
    pub reviews_oldest: Option<Timestamp>,
    pub holds: i64,
    /// Holds past their expiry that nobody has looked at yet.
    pub holds_lapsed: WaitingRows,
    /// Where everything stands that is not under way, by subject and word: what the transactions counted
    /// themselves.
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

    /// All of it, by partial indexes and counters: cheap however large the tables are.
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
            holds: self.count("bookings where state = 'held'").await?,
            holds_lapsed: self.waiting(lapsed, "sweep_at", with![now]).await?,
            counters: self.counters().await?,
        })
    }

    async fn counters(&self) -> Result<Vec<RowCount>, Error> {
        let sql = "select subject, word, cast(sum(count) as bigint) from counters \
             group by subject, word having sum(count) <> 0 order by subject, word";
        self.counted_by(sql, 2).await
    }

    /// What the counters ought to say, counted anew. Reads whole tables. Late payments that were seated are counted
    /// from the audit, so this says less than the counters once some of it was pruned; no figure is made of it.
    pub async fn recounted(&self) -> Result<Vec<RowCount>, Error> {
        let sql = "select subject, word, count from ( \
                select 'bookings' as subject, state as word, count(*) as count from bookings \
                    where state <> 'held' group by state \
                union all select 'payments', state, count(*) from payments \
                    where state not in ('created', 'pending') group by state \
                union all select 'refunds', state, count(*) from refunds \
                    where state in ('succeeded', 'written_off', 'failed') group by state \
                union all select 'transfers', kind, count(*) from transfers group by kind \
                union all select 'late_payments', 'refunded', count(*) from refunds \
                    where key is null and external = 0 \
                union all select 'late_payments', 'voided', count(*) from attempts \
                    where kind = 'void' and key is null \
                union all select 'late_payments', 'seated', count(*) from audit \
                    where subject_kind = 'booking' and from_state = 'expired' and to_state = 'confirmed' \
            ) as counted where count > 0 order by subject, word";
        self.counted_by(sql, 2).await
    }

    /// Bytes of write-ahead log since the server was set up; what a run wrote is the difference.
    /// `None` on SQLite, which starts its log anew and counts nothing.
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

    async fn counted(&self, of: &str, words: &[&str]) -> Result<Vec<RowCount>, Error> {
        let columns = words.join(", ");
        let sql = format!(
            "select {columns}, count(*) from (select {columns} from {of} limit {COUNT_MAX}) as counted \
             group by {columns} order by {columns}"
        );
        self.counted_by(&sql, words.len()).await
    }

    async fn counted_by(&self, sql: &str, words: usize) -> Result<Vec<RowCount>, Error> {
        let mut kinds = vec![Kind::Text; words];
        kinds.push(Kind::Int);
        let rows = self.values(sql, vec![], &kinds).await?;
        let counted = |mut row: Vec<Value<'static>>| RowCount {
            count: row.pop().and_then(Value::int).unwrap_or(0),
            words: row.into_iter().filter_map(Value::text).map(std::borrow::Cow::into_owned).collect(),
        };
        Ok(rows.into_iter().map(counted).collect())
    }
}
