//! The cost of the work: totals before and after, and their difference per operation.

use std::time::Duration;

use store::Location;
use tokio_postgres::NoTls;

use super::Error;
use testkit::program::RunningProgram;
use testkit::scrape::Scrape;

/// Totals at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub commits: u64,
    pub round_trips: u64,
    /// `None` if the engine does not count them.
    pub wal_bytes: Option<u64>,
    pub processor: Duration,
}

pub(super) async fn read(running: &RunningProgram, location: &Location) -> Result<Reading, Error> {
    let metrics = Scrape::of(&running.base_url).await?;
    let counter = |name| metrics.total(name).map(|total| total as u64);
    let wal_bytes = match location {
        Location::Sqlite { .. } => counter("surehold_store_wal_bytes_total"),
        Location::Postgres { url } => Some(written(url.expose()).await?),
    };
    Ok(Reading {
        commits: counter("surehold_store_commits_total").unwrap_or(0),
        round_trips: counter("surehold_store_round_trips_total").unwrap_or(0),
        wal_bytes,
        processor: running.usage().processor,
    })
}

/// The whole WAL of the server, so nothing else may write meanwhile.
async fn written(url: &str) -> Result<u64, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let sql = "select cast(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bigint)";
    let bytes: i64 = client.query_one(sql, &[]).await?.get(0);
    connection.abort();
    Ok(u64::try_from(bytes).unwrap_or(0))
}
