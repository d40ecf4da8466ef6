//! Probes and numbers, which a process without the API answers too.

pub mod get_liveness;
pub mod get_metrics;
pub mod get_readiness;
