//! What is seen from outside while the program runs: its metrics, the alerts over them, its logs, its traces.
//!
//! The program is a process of its own, as it ships; `promtool` is Prometheus' own, so that what we call
//! well-formed is what Prometheus calls so.

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
