//! The messages that wait in the outbox, and what happened to them.

use domain::Timestamp;
use domain::ledger::POSTED;
use uuid::Uuid;

use crate::database_rows::{DatabaseRows, Texts, quoted};
use crate::{Deployment, Error, ScenarioContext};

const OFFENDERS_MAX: usize = 20;

/// A message, and its time.
#[derive(Clone, Copy, Debug)]
pub struct OutboxRow {
    pub message: Uuid,
    pub created_at: Timestamp,
    /// It reports a payment.
    pub is_payment: bool,
}

pub struct Outbox(DatabaseRows);

impl Outbox {
    pub async fn of(deployment: &Deployment) -> Result<Outbox, Error> {
        let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?;
        Ok(Outbox(DatabaseRows::of(location).await?))
    }

    /// By the clock that dates the messages.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        Ok(Timestamp(self.count("select (extract(epoch from clock_timestamp()) * 1000000)::bigint").await?))
    }

    /// Messages that nobody has published.
    pub async fn waiting(&self) -> Result<usize, Error> {
        self.count_waiting("").await
    }

    pub async fn waiting_from_before(&self, instant: Timestamp) -> Result<usize, Error> {
        self.count_waiting(&format!("and created_at < {}", instant.0)).await
    }

    async fn count_waiting(&self, which: &str) -> Result<usize, Error> {
        let count =
            self.count(&format!("select count(*) from outbox where position is null {which}")).await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    pub async fn all(&self) -> Result<Vec<OutboxRow>, Error> {
        let rows = self.0.select("select id, created_at, kind from outbox order by created_at, id").await?;
        let row = |row: Texts| match <[Option<String>; 3]>::try_from(row) {
            Ok([Some(message), Some(created_at), Some(kind)]) => Some(OutboxRow {
                message: message.parse().ok()?,
                created_at: Timestamp(created_at.parse().ok()?),
                is_payment: POSTED.contains(&kind.as_str()),
            }),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }

    /// Each movement must be posted once, and none left out.
    pub async fn judge_postings(&self, context: &ScenarioContext) -> Result<(), Error> {
        let kinds: Vec<String> = POSTED.iter().map(|kind| quoted(kind)).collect();
        for (what, sql) in [
            (
                "posted twice",
                "select movement from transfers group by movement having count(*) > 1".to_owned(),
            ),
            (
                "never posted",
                format!(
                    "select id from outbox m where m.kind in ({}) \
                     and not exists (select 1 from transfers t where t.message = m.id)",
                    kinds.join(", ")
                ),
            ),
        ] {
            let found = self.0.select(&format!("{sql} limit {OFFENDERS_MAX}")).await?;
            context
                .findings
                .always("one_posting_a_movement", found.is_empty(), || format!("{what}: {found:?}"));
        }
        Ok(())
    }

    async fn count(&self, sql: &str) -> Result<i64, Error> {
        let rows = self.0.select(sql).await?;
        let count = rows.into_iter().flatten().next().flatten().and_then(|text| text.parse().ok());
        count.ok_or_else(|| Error::Unreadable(sql.to_owned(), "no number".to_owned()))
    }
}
