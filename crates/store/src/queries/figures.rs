//! Figures for the metrics, counted from committed rows: a killed process forgets nothing.

use domain::Timestamp;
use domain::working_set::{Kind, Value};

use super::Queries;
use crate::Error;

/// How many rows have these words: `["charge", "succeeded"]` for attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub words: Vec<String>,
    pub count: i64,
}

/// The state of the work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages without a place in the log.
    pub outbox_pending: i64,
    pub outbox_oldest_pending: Option<Timestamp>,
    pub jobs_dead: i64,
    pub reviews_open: i64,
    pub events_received: i64,
    /// By state.
    pub jobs: Vec<Counted>,
    /// By kind and state.
    pub attempts: Vec<Counted>,
    /// By state.
    pub payments: Vec<Counted>,
    /// By state.
    pub bookings: Vec<Counted>,
    /// By kind.
    pub transfers: Vec<Counted>,
    /// By progress.
    pub keys: Vec<Counted>,
}

impl Queries {
    /// The cheap half: what is open, by partial indexes alone.
    pub async fn backlog(&self) -> Result<Figures, Error> {
        let oldest = self
            .values(
                "select created_at from outbox where position is null order by id limit 1",
                vec![],
                &[Kind::Int],
            )
            .await?;
        Ok(Figures {
            outbox_pending: self.count("outbox where position is null").await?,
            outbox_oldest_pending: oldest.into_iter().flatten().next().and_then(Value::int).map(Timestamp),
            jobs_dead: self.count("jobs where state = 'dead'").await?,
            reviews_open: self.count("reviews where state = 'open'").await?,
            events_received: self.count("inbound_events where state = 'received'").await?,
            ..Figures::default()
        })
    }

    /// All of it. Reads whole tables: for a scrape a minute, not for one a second.
    pub async fn figures(&self) -> Result<Figures, Error> {
        Ok(Figures {
            jobs: self.counted("jobs", &["state"]).await?,
            attempts: self.counted("attempts", &["kind", "state"]).await?,
            payments: self.counted("payments", &["state"]).await?,
            bookings: self.counted("bookings", &["state"]).await?,
            transfers: self.counted("transfers", &["kind"]).await?,
            keys: self.counted("keys", &["progress"]).await?,
            ..self.backlog().await?
        })
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
        self.number(&format!("select count(*) from {of}"), vec![]).await
    }

    async fn counted(&self, table: &str, words: &[&str]) -> Result<Vec<Counted>, Error> {
        let columns = words.join(", ");
        let sql = format!("select {columns}, count(*) from {table} group by {columns} order by {columns}");
        let mut kinds = vec![Kind::Text; words.len()];
        kinds.push(Kind::Int);
        let rows = self.values(&sql, vec![], &kinds).await?;
        let counted = |mut row: Vec<Value<'static>>| Counted {
            count: row.pop().and_then(Value::int).unwrap_or(0),
            words: row.into_iter().filter_map(Value::text).map(std::borrow::Cow::into_owned).collect(),
        };
        Ok(rows.into_iter().map(counted).collect())
    }
}
