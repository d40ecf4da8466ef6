//! What is measured: every metric is one row of one table, and its name is written there alone.
//!
//! | file | its part |
//! |---|---|
//! | [`catalogue`] | the table: name, kind, unit, help, labels; and a `static` for each row, to record with |
//! | [`labels`] | the labels, each with the closed set of its values |
//! | [`instrument`] | counters, gauges and histograms over a row; a series a combination of labels |
//! | [`page`] | `docs/metrics.md`, written from the table |
//!
//! To measure something new, add a row to the [`catalogue`] (its doc comment is the help that Prometheus
//! shows) and record with its static: `WEBHOOKS.increment(Delivery::Stored)`,
//! `PROCESSING_SECONDS.record(Work::Charge, began.elapsed())`. A label with new values is an enum in
//! [`labels`]. Then `cargo xtask generate`. Nothing else has to be told: descriptions, the zero that a
//! counter starts from, the page and the tests go by the table. What is counted from committed rows is
//! set by [`figures`](crate::figures).
//!
//! The recorder is the process's own and is installed once, by [`install`], before anything is recorded.
//! Without it (in tests, mostly) recording does nothing.
//!
//! What must never be here: a label whose values a client or a provider chooses. Ids belong into logs.

pub mod catalogue;
pub mod instrument;
pub mod labels;
pub mod page;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

pub use catalogue::CATALOGUE;
pub use instrument::{Counter, Gauge, Histogram, Instrument, Metric};

/// The buckets of every histogram, in seconds: from a commit to an operation's patience.
const BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the metrics cannot be set up: {0}")]
    Build(#[from] BuildError),
    /// What was recorded before went nowhere, and so would all that follows.
    #[error("{0} was recorded before the metrics were set up")]
    TooLate(&'static str),
}

/// Makes this process record. Once a process. `accounts` are those at providers, by their configured names:
/// a counter's series all start at zero, so they must be known before.
pub fn install<'n>(accounts: impl Iterator<Item = &'n str>) -> Result<PrometheusHandle, Error> {
    if let Some(early) = CATALOGUE.iter().find(|instrument| instrument.is_used()) {
        return Err(Error::TooLate(early.metric().name));
    }
    labels::AccountLabel::know(accounts);
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    for instrument in CATALOGUE {
        instrument.begin();
    }
    Ok(handle)
}

#[cfg(test)]
mod tests;
