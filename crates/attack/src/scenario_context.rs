//! What a scenario is given: its random choices, its deployment, and where it writes down what it saw.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::deployment::{Deployment, Tuning};
use super::findings::Findings;
use super::journal::Journal;
use super::progress::ScenarioLine;
use super::retrying_client::RetryingClient;
use super::scenario::{Need, Scenario};
use super::shared_servers::SharedServers;
use super::timeline::Timeline;
use super::{Error, Ground, Target};
use testkit::databases::Databases;

/// One scenario's place. Clones are the same place.
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
    /// Where the deployment's files are.
    pub(super) directory: Arc<Path>,
    pub(super) journal_path: PathBuf,
    /// Where databases are made, if it is PostgreSQL.
    pub(super) databases: Arc<Mutex<Option<Databases>>>,
    pub(super) beside: SharedServers,
}

impl ScenarioContext {
    /// How many logical operations were asked for; a scenario takes what share of it it can use.
    pub fn operations(&self) -> usize {
        self.operations
    }

    pub fn has(&self, need: Need) -> bool {
        self.ground.has().contains(&need)
    }

    /// The same choices for the same seed, scenario and purpose, whatever else was drawn, and when.
    pub fn random(&self, purpose: &str) -> StdRng {
        random(self.seed, self.scenario.name, purpose)
    }

    /// One number of them.
    pub fn draw(&self, purpose: &str) -> u64 {
        self.random(purpose).random()
    }

    /// A name that no other run on the same deployment has used.
    pub fn operation(&self, name: impl std::fmt::Display) -> String {
        format!("{}-{}-{name}", self.run, self.scenario.number)
    }

    /// What begins the names of this scenario's operations.
    pub fn prefix(&self) -> String {
        self.operation("")
    }

    /// What begins the name of the deployment's database, where PostgreSQL keeps it.
    pub(super) fn database(&self) -> String {
        format!("surehold_attack_{}", self.scenario.number)
    }

    /// The name of the deployment's stream, where NATS carries its messages.
    pub fn stream(&self) -> String {
        format!("{}-{}", self.run, self.scenario.number)
    }

    /// A client; its number says which server it asks first, and where its jitter begins.
    pub fn caller(&self, shop: &Target, number: usize) -> Result<RetryingClient, Error> {
        let random = self.random(&format!("caller {number}"));
        Ok(RetryingClient::new(shop, &self.journal, &self.timeline, number, random))
    }

    pub fn callers(&self, shop: &Target, count: usize) -> Result<Vec<RetryingClient>, Error> {
        (0..count).map(|number| self.caller(shop, number)).collect()
    }

    /// A deployment that serves. One a scenario.
    pub async fn deploy(&self, tuning: &Tuning) -> Result<Deployment, Error> {
        let mut deployment = self.prepare().await?;
        deployment.start(tuning).await?;
        Ok(deployment)
    }

    /// A database with its tenant, and the provider's stand-in; nothing serves yet.
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
