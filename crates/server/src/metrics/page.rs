//! `docs/metrics.md`, generated from the catalogue.

use std::fmt::Write as _;

use super::instrument::{Metric, MetricSource, MetricUnit};
use super::labels::{AccountLabel, Label as _};
use super::{BUCKETS, CATALOGUE};

/// If a label has more values than this, the page shows only their number.
const VALUES_MAX: usize = 12;

pub fn page() -> String {
    let mut out = String::from(
        "# Metrics\n\nGenerated from the table in `crates/server/src/metrics/catalogue.rs` by `cargo xtask generate`; \
         `GET /metrics` shows them in Prometheus' text format.\n\n\
         *process*: counted by one process since its start. Add the processes up: `sum(rate(...))`.\n\
         *rows*: counted from committed rows every five seconds, so that a killed process loses nothing. Every\n\
         process on a database shows the same values: take `max`, never `sum`.\n\n\
         No label has a value that a client or a provider chooses: each has the closed set of values below. An\n\
         account is one of the configured accounts.\n",
    );
    let buckets: Vec<String> = BUCKETS.iter().map(f64::to_string).collect();
    writeln!(out, "The buckets of histograms are, in seconds: {}.\n", buckets.join(", "))
        .expect("writing to a String cannot fail");
    out.push_str("| metric | kind | of | labels | |\n|---|---|---|---|---|\n");
    for instrument in CATALOGUE {
        row(&mut out, instrument.metric()).expect("writing to a String cannot fail");
    }
    out
}

fn row(out: &mut String, metric: &Metric) -> std::fmt::Result {
    let source = match metric.source {
        MetricSource::Process => "process",
        MetricSource::Rows => "rows",
    };
    let unit = match metric.unit {
        MetricUnit::Count => String::new(),
        unit => format!(", {}", unit.suffix().trim_start_matches('_')),
    };
    let labels: Vec<String> = metric
        .labels
        .iter()
        .map(|label| {
            if label.name == AccountLabel::NAME {
                return format!("`{}`: as configured", label.name);
            }
            let values = (label.values)();
            if values.len() > VALUES_MAX {
                return format!("`{}`: {} values", label.name, values.len());
            }
            format!("`{}`: {}", label.name, values.join(", "))
        })
        .collect();
    let (name, kind) = (metric.name, metric.kind.name());
    let help = metric.help_lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    writeln!(out, "| `{name}` | {kind}{unit} | {source} | {} | {help} |", labels.join("; "))
}
