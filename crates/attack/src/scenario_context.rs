//! What a scenario gets: its random choices, its deployment, its findings, its journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::deployment::{Deployment, Tuning};
use super::findings::Findings;
use super::journal::Journal;
use super::methods::{self, PaymentMethod};
use super::progress::ScenarioLine;
use super::retrying_client::RetryingClient;
use super::scenario::{Need, Scenario};
use super::shared_servers::SharedServers;
use super::timeline::Timeline;
use super::{Error, Ground, Target};
use testkit::databases::Databases;

/// Clones share the same scenario.
#[derive(Clone)]
pub struct ScenarioContext {
    pub scenario: &'static Scenario,
    pub findings: Findings,
    pub timeline: Timeline,
    pub journal: Journal,
    pub progress: ScenarioLine,
    pub(super) seed: u64,
    pub(super) operations: usize,
    pub(super) run: Arc<str>,
    pub(super) ground: Arc<Ground>,
    pub(super) program: Arc<Path>,
    /// The directory of the deployment's files.
    pub(super) directory: Arc<Path>,
    pub(super) journal_path: PathBuf,
    /// The server for databases, if the engine is PostgreSQL.
    pub(super) databases: Arc<Mutex<Option<Databases>>>,
    pub(super) servers: SharedServers,
}

impl ScenarioContext {
    /// The number of logical operations of the run. A scenario takes the share that it can use.
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// The method of payment of an order. A running deployment may have an account at one provider only.
    pub fn method(&self, number: usize) -> &'static PaymentMethod {
        if self.is_ours() { methods::ROTATION[number % methods::ROTATION.len()] } else { &methods::STRIPE }
    }

    /// A card, whose answer is final.
    pub fn card(&self, number: usize) -> &'static PaymentMethod {
        if self.is_ours() { methods::card(number) } else { &methods::STRIPE }
    }

    fn is_ours(&self) -> bool {
        !matches!(*self.ground, Ground::Target { .. })
    }

    pub fn has(&self, need: Need) -> bool {
        self.ground.has().contains(&need)
    }

    /// The same choices for the same seed, scenario and purpose, independent of all other choices.
    pub fn random(&self, purpose: &str) -> StdRng {
        random(self.seed, self.scenario.name, purpose)
    }

    /// One random number for this purpose.
    pub fn draw(&self, purpose: &str) -> u64 {
        self.random(purpose).random()
    }

    /// A name that no other run on the same deployment has used.
    pub fn operation(&self, name: impl std::fmt::Display) -> String {
        format!("{}-{}-{name}", self.run, self.scenario.number)
    }

    /// The prefix of the names of this scenario's operations.
    pub fn prefix(&self) -> String {
        self.operation("")
    }

    /// The prefix of the name of the deployment's database on PostgreSQL.
    pub(super) fn database(&self) -> String {
        format!("surehold_attack_{}", self.scenario.number)
    }

    /// The name of the deployment's stream in NATS.
    pub fn stream(&self) -> String {
        format!("{}-{}", self.run, self.scenario.number)
    }

    /// A client. Its number chooses its first server and its jitter.
    pub fn caller(&self, target: &Target, number: usize) -> RetryingClient {
        let random = self.random(&format!("caller {number}"));
        RetryingClient::new(target, &self.journal, &self.timeline, number, random)
    }

    pub fn callers(&self, target: &Target, count: usize) -> Vec<RetryingClient> {
        (0..count).map(|number| self.caller(target, number)).collect()
    }

    /// Starts the deployment of the scenario. On return it serves.
    pub async fn deploy(&self, tuning: &Tuning) -> Result<Deployment, Error> {
        let mut deployment = self.prepare().await?;
        deployment.start(tuning).await?;
        Ok(deployment)
    }

    /// Prepares a database with its tenant, and the provider's sandbox. No server runs yet.
    pub async fn prepare(&self) -> Result<Deployment, Error> {
        Deployment::prepare(self).await
    }
}

pub(super) fn random(seed: u64, scenario: &str, purpose: &str) -> StdRng {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for text in [scenario, purpose] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    StdRng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices_and_a_purpose_has_its_own() {
        let drawn = |seed, scenario, purpose| -> Vec<u32> {
            let mut random = random(seed, scenario, purpose);
            (0..20).map(|_| random.random()).collect()
        };
        assert_eq!(drawn(7, "charges", "faults"), drawn(7, "charges", "faults"));
        assert_ne!(drawn(7, "charges", "faults"), drawn(8, "charges", "faults"));
        assert_ne!(drawn(7, "charges", "faults"), drawn(7, "charges", "callers"));
        assert_ne!(drawn(7, "charges", "faults"), drawn(7, "killed", "faults"));
        assert_ne!(drawn(7, "ab", "c"), drawn(7, "a", "bc"));
    }
}
