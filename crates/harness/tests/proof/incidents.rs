//! What befalls the town, and when.

use rand::RngExt as _;
use rand::rngs::StdRng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    KillServer,
    /// The provider dies as well, and forgets nothing.
    KillProvider,
    /// Asked to stop by this signal.
    StopServer(&'static str),
    RestartDatabase,
    CutConnections,
}

/// An incident comes once so many orders are finished, and a moment later.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub after_orders: usize,
    pub moment_ms: u64,
    pub incident: Incident,
}

/// The longest moment: long enough to fall anywhere within a charge.
const MOMENT_MAX_MS: u64 = 200;

/// Spread at random over most of the work: the last orders finish in peace.
pub fn plan(incidents: &[Incident], orders: usize, random: &mut StdRng) -> Vec<Planned> {
    let mut plan: Vec<Planned> = incidents
        .iter()
        .map(|incident| Planned {
            after_orders: random.random_range(0..orders * 9 / 10),
            moment_ms: random.random_range(0..MOMENT_MAX_MS),
            incident: *incident,
        })
        .collect();
    plan.sort_by_key(|planned| planned.after_orders);
    plan
}
