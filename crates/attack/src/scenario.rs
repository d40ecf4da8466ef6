//! What a scenario is, and what it needs.

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::{Error, ScenarioContext};

/// One way to attack. See the module's doc ([`super`]) for how to add one.
pub struct Scenario {
    /// Its place in the list; also where its random choices begin.
    pub number: u8,
    pub name: &'static str,
    /// One sentence: what must be true whatever it does.
    pub promise: &'static str,
    pub needs: &'static [Need],
    /// Its own invariants, besides those that are asked of every scenario.
    pub always: &'static [&'static str],
    /// The states that a run must have been in, or it proves nothing.
    pub sometimes: &'static [&'static str],
    pub run: fn(ScenarioContext) -> BoxFuture<'static, Result<(), Error>>,
}

/// What not every ground has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Processes of our own, to kill, to stall, to cut off.
    Deployment,
    Postgres,
    /// A PostgreSQL that is ours alone, to stop and to restart.
    PrivatePostgres,
    Redis,
    Nats,
}

impl Need {
    pub fn words(self) -> &'static str {
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
    /// What it does to software that scenarios share would befall the others too.
    pub fn wants_to_be_alone(&self) -> bool {
        let shared = |need: &Need| matches!(need, Need::PrivatePostgres | Need::Redis | Need::Nats);
        self.needs.iter().any(shared)
    }

    /// What it misses on a ground that has these, in words.
    pub fn misses(&self, has: &[Need]) -> Option<String> {
        let missing: Vec<&str> =
            self.needs.iter().filter(|need| !has.contains(need)).map(|need| need.words()).collect();
        (!missing.is_empty()).then(|| format!("needs {}", missing.join(" and ")))
    }
}
