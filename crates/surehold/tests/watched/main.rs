//! The program from outside while it runs: its metrics, the alerts over them, its logs, its traces.
//!
//! The program is a separate process, as it is released. `promtool` is Prometheus' own tool, so it
//! decides whether a page is valid.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod administration;
mod alerts;
mod backup;
mod collector;
mod dead_letters;
mod deployment;
mod logs;
mod metrics;
mod prometheus;
mod stopping;
mod traces;
