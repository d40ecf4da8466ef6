//! A scenario, and its needs.

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::{Error, ScenarioContext};

/// One way to attack. See the module's doc ([`super`]) for how to add one.
pub struct Scenario {
    /// The position in the list, and part of the names of its operations.
    pub number: u8,
    pub name: &'static str,
    /// One sentence that must be true whatever the scenario does.
    pub promise: &'static str,
    pub needs: &'static [Need],
    /// Its own invariants, besides the common ones.
    pub always: &'static [&'static str],
    /// The states that a run must reach; otherwise the run proves nothing.
    pub sometimes: &'static [&'static str],
    pub run: fn(ScenarioContext) -> BoxFuture<'static, Result<(), Error>>,
}

/// A requirement that not every environment meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Processes of our own that can be killed, stalled or disconnected.
    Deployment,
    Postgres,
    /// A PostgreSQL of our own that can be stopped and restarted.
    PrivatePostgres,
    Redis,
    Nats,
}

impl Need {
    pub fn summary(self) -> &'static str {
        match self {
            Need::Deployment => "a deployment of its own, which --target is not",
            Need::Postgres => "PostgreSQL",
            Need::PrivatePostgres => "a PostgreSQL of its own (--postgres)",
            Need::Redis => "Redis (--redis)",
            Need::Nats => "NATS (--nats)",
        }
    }
}

impl Scenario {
    /// It acts on servers that other scenarios share, and would disturb them.
    pub fn wants_to_be_alone(&self) -> bool {
        let shared = |need: &Need| matches!(need, Need::PrivatePostgres | Need::Redis | Need::Nats);
        self.needs.iter().any(shared)
    }

    /// The needs that are not met, for a message.
    pub fn misses(&self, has: &[Need]) -> Option<String> {
        let missing: Vec<&str> =
            self.needs.iter().filter(|need| !has.contains(need)).map(|need| need.summary()).collect();
        (!missing.is_empty()).then(|| format!("needs {}", missing.join(" and ")))
    }
}
