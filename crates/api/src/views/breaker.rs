//! How the way to an account at a provider stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every state of a circuit.
pub const BREAKER_STATES: [&str; 3] = ["closed", "open", "half_open"];

/// The circuit to an account at a provider, and what is left of its retry budget, in the process that
/// answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Breaker {
    pub provider: String,
    /// The account's configured name.
    pub account: String,
    /// `closed`: calls go out. `open`: nothing is sent. `half_open`: a few probes are.
    pub state: String,
    /// Calls that count now: those of the window, or the probes that are back.
    pub calls: u32,
    /// How many of them failed.
    pub failures: u32,
    /// For how long nothing is sent yet.
    pub open_for_ms: u64,
    /// Whole retries that could be made now. What a fleet shares is not counted.
    pub retries_left: u64,
}
