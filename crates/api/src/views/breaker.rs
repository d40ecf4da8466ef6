//! The state of the circuit to an account at a provider.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every state of a circuit.
pub const BREAKER_STATES: [&str; 3] = ["closed", "open", "half_open"];

/// The circuit to an account at a provider, and the rest of its retry budget, in the process that
/// replies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Breaker {
    pub provider: String,
    /// The account's configured name.
    pub account: String,
    /// `closed`: calls are made. `open`: no calls are made. `half_open`: a few probes are made.
    pub state: String,
    /// Calls that are counted now: those of the window, or the finished probes.
    pub calls: u32,
    /// How many of them failed.
    pub failures: u32,
    /// How much longer no calls are made.
    pub open_for_ms: u64,
    /// Whole retries that could be made now, without what a fleet shares.
    pub retries_left: u64,
}
