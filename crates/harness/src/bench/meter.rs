//! What the work costs: counted before and after, a difference an operation.

use std::time::Duration;

use store::Location;
use tokio_postgres::NoTls;

use super::Error;
use crate::http::Client;
use crate::program::Running;

/// Totals at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub commits: u64,
    pub round_trips: u64,
    /// `None` where nobody counts them.
    pub wal_bytes: Option<u64>,
    pub processor: Duration,
}

pub(super) async fn read(running: &Running, location: &Location) -> Result<Reading, Error> {
    let metrics = Client::new(&running.base_url)?.get("/metrics", &[]).await?.text();
    let wal_bytes = match location {
        Location::Sqlite { .. } => counter(&metrics, "surehold_store_wal_bytes_total"),
        Location::Postgres { url } => Some(written(url).await?),
    };
    Ok(Reading {
        commits: counter(&metrics, "surehold_store_commits_total").unwrap_or(0),
        round_trips: counter(&metrics, "surehold_store_round_trips_total").unwrap_or(0),
        wal_bytes,
        processor: running.usage().processor,
    })
}

/// The server's whole log: nothing else may write to it meanwhile.
async fn written(url: &str) -> Result<u64, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let sql = "select cast(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bigint)";
    let bytes: i64 = client.query_one(sql, &[]).await?.get(0);
    connection.abort();
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// The sum over all labels.
fn counter(metrics: &str, name: &str) -> Option<u64> {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        // Not a longer name that begins alike.
        rest.starts_with([' ', '{']).then(|| rest.rsplit_once(' ')?.1.parse::<f64>().ok()).flatten()
    });
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_its_labels() {
        let text =
            "# TYPE a_total counter\na_total{lane=\"1\"} 3\na_total{lane=\"2\"} 4\na_total_more 9\nb 1\n";
        assert_eq!(counter(text, "a_total"), Some(7));
        assert_eq!(counter(text, "b"), Some(1));
        assert_eq!(counter(text, "c"), None);
    }
}
