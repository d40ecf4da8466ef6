//! Whether the process is alive and ready, and its numbers.

pub mod get_liveness;
pub mod get_metrics;
pub mod get_readiness;
