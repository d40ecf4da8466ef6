//! Measurements: every metric is one row of one table, and its name is only there.
//!
//! | file | its part |
//! |---|---|
//! | [`catalogue`] | the table: name, kind, unit, help, labels; and a `static` for each row, to record with |
//! | [`labels`] | the labels, each with the closed set of its values |
//! | [`instrument`] | counters, gauges and histograms over a row; one series per combination of labels |
//! | [`page`] | `docs/metrics.md`, generated from the table |
//!
//! To measure something new, add a row to the [`catalogue`] (its doc comment is the help that
//! Prometheus shows) and record with its static: `WEBHOOKS.increment(Delivery::Stored)`,
//! `PROCESSING_SECONDS.record(Work::Charge, began.elapsed())`. A label with new values is an enum
//! in [`labels`]. Then run `cargo xtask generate`. Nothing else has to be changed: descriptions,
//! the zero that a counter starts from, the page and the tests are made from the table. Metrics
//! that are counted from committed rows are set by [`figures`](crate::figures).
//!
//! The recorder belongs to the process and is installed once, by [`install`], before anything is
//! recorded. Without it, as in most tests, recording does nothing.
//!
//! What must never be here: a label whose values a client or a provider chooses. Ids belong in
//! logs.

pub mod catalogue;
pub mod instrument;
pub mod labels;
pub mod page;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

pub use catalogue::CATALOGUE;
pub use instrument::{Counter, Gauge, Histogram, Instrument, Metric};

/// The buckets of every histogram, in seconds: from a commit to the longest time of an operation.
const BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the metrics cannot be set up: {0}")]
    Build(#[from] BuildError),
    /// Earlier measurements went nowhere, and so would all later ones.
    #[error("{0} was recorded before the metrics were set up")]
    TooLate(&'static str),
}

/// Makes this process record; called once per process. `accounts` are the configured names of the
/// accounts at providers: all series of a counter start at zero, so the names must be known first.
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
