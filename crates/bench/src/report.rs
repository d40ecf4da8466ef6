//! The figures: a table for people, JSON for everything else.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Options;
use super::load::Loaded;
use super::meter::Reading;

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// The cost of one operation. `wal_bytes` is `None` if the engine does not count them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    pub commits: f64,
    pub round_trips: f64,
    pub wal_bytes: Option<f64>,
    /// CPU time of the server's process.
    pub processor_us: f64,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub engine: &'static str,
    /// `surehold` or `plain`.
    pub form: &'static str,
    /// `hot slot`, `1000 slots`, `charge`.
    pub work: String,
    pub operations: u64,
    pub failed: u64,
    pub per_second: f64,
    /// At full load.
    pub latency: Latency,
    /// At half the load, by the clock.
    pub half_load: Option<Latency>,
    /// From the request until the provider's evidence was applied.
    pub evidence: Option<Latency>,
    pub cost: Cost,
    /// The highest of the server.
    pub memory_mb: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub work: &'static str,
    pub tasks: usize,
    pub seconds: f64,
    pub figures: Vec<Figure>,
    /// Such as `postgres, hot slot: 9.1x the plain form`.
    pub findings: Vec<String>,
}

impl Latency {
    pub(super) fn of(latencies: &Histogram<u64>) -> Latency {
        let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
        Latency { p50_ms: at(0.5), p99_ms: at(0.99) }
    }
}

impl Cost {
    pub(super) fn of(before: &Reading, after: &Reading, loaded: &Loaded) -> Cost {
        let each = |total: u64| total as f64 / loaded.done.max(1) as f64;
        let processor = after.processor.saturating_sub(before.processor);
        Cost {
            commits: each(after.commits - before.commits),
            round_trips: each(after.round_trips - before.round_trips),
            wal_bytes: after
                .wal_bytes
                .zip(before.wal_bytes)
                .map(|(after, before)| each(after.saturating_sub(before))),
            processor_us: each(u64::try_from(processor.as_micros()).unwrap_or(0)),
        }
    }
}

impl Report {
    pub(super) fn new(work: &'static str, options: &Options) -> Report {
        let seconds = options.duration.as_secs_f64();
        Report { work, tasks: options.tasks, seconds, figures: Vec::new(), findings: Vec::new() }
    }

    pub(super) fn find(&self, engine: &str, form: &str, work: &str) -> Option<&Figure> {
        self.figures
            .iter()
            .find(|figure| figure.engine == engine && figure.form == form && figure.work == work)
    }
}

const HEADS: [&str; 13] = [
    "engine",
    "form",
    "work",
    "ops/s",
    "p50 ms",
    "p99 ms",
    "half p50",
    "half p99",
    "evid. p99",
    "commits/op",
    "trips/op",
    "WAL B/op",
    "CPU us/op",
];

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let two = |figure: f64| format!("{figure:.2}");
        let some = |latency: Option<f64>| latency.map_or_else(|| "-".to_owned(), two);
        let mut rows: Vec<Vec<String>> = vec![HEADS.iter().map(ToString::to_string).collect()];
        rows[0].push("MB".to_owned());
        for figure in &self.figures {
            rows.push(vec![
                figure.engine.to_owned(),
                figure.form.to_owned(),
                figure.work.clone(),
                format!("{:.0}", figure.per_second),
                two(figure.latency.p50_ms),
                two(figure.latency.p99_ms),
                some(figure.half_load.map(|half| half.p50_ms)),
                some(figure.half_load.map(|half| half.p99_ms)),
                some(figure.evidence.map(|evidence| evidence.p99_ms)),
                format!("{:.3}", figure.cost.commits),
                format!("{:.3}", figure.cost.round_trips),
                figure.cost.wal_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{bytes:.0}")),
                format!("{:.0}", figure.cost.processor_us),
                format!("{:.0}", figure.memory_mb),
            ]);
        }
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
        for row in &rows {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Text to the left, numbers to the right.
                if column < 3 {
                    write!(out, "{cell:<width$}  ")?;
                } else {
                    write!(out, "{cell:>width$}  ")?;
                }
            }
            writeln!(out)?;
        }
        writeln!(out, "{} clients, {:.0} s a run", self.tasks, self.seconds)?;
        for finding in &self.findings {
            writeln!(out, "- {finding}")?;
        }
        for figure in self.figures.iter().filter(|figure| figure.failed > 0) {
            let Figure { engine, form, work, failed, .. } = figure;
            writeln!(out, "- {engine}, {form}, {work}: {failed} operations failed")?;
        }
        Ok(())
    }
}
