//! The software that stands beside the program and its database: started once a run, shared by the
//! scenarios of it, and ended with us.

use std::sync::Arc;

use test_servers::{nats, redis};

use super::deployment::Tuning;
use super::{Error, Ground, Progress};

/// NATS brings a message again after so long without a word. Scenarios kill whoever had it; the program's own
/// default would make each of them wait.
const NATS_ACK_WAIT_MS: u64 = 2_000;
/// The most that each scenario's stream keeps: the server sets it aside for each.
const NATS_KEPT_MIB_MAX: u64 = 128;

/// Clones are the same.
#[derive(Clone, Default)]
pub struct SharedServers {
    redis: Option<Arc<redis::Private>>,
    nats: Option<Arc<nats::Private>>,
}

impl SharedServers {
    /// What the ground has.
    pub(super) async fn start(ground: &Ground, progress: &Progress) -> Result<SharedServers, Error> {
        let mut beside = SharedServers::default();
        if matches!(ground, Ground::Postgres { redis: true, .. }) {
            progress.line("starting a private Redis");
            let start = || redis::Private::start(redis::Options::default());
            beside.redis = Some(Arc::new(blocking(start).await?));
        }
        if matches!(ground, Ground::Postgres { nats: true, .. }) {
            progress.line("starting a private NATS");
            let start = || nats::Private::start(nats::Options::default());
            beside.nats = Some(Arc::new(blocking(start).await?));
        }
        Ok(beside)
    }

    /// Where each process finds it. A database has a stream of its own.
    pub(super) fn tune(&self, tuning: &Tuning, stream: &str) -> Tuning {
        let mut tuning = tuning.clone();
        if let Some(redis) = &self.redis {
            tuning = tuning.with("redis", "url", format!("\"{}\"", redis.url()));
        }
        if let Some(nats) = &self.nats {
            tuning = tuning
                .with("broker", "nats_url", format!("\"{}\"", nats.url()))
                .with("broker", "stream", format!("\"{stream}\""))
                .with("broker", "kept_mib_max", NATS_KEPT_MIB_MAX)
                .with("broker", "ack_wait_ms", NATS_ACK_WAIT_MS);
        }
        tuning
    }

    pub(super) async fn redis<T: Send + 'static>(
        &self,
        act: impl FnOnce(&redis::Private) -> Result<T, test_servers::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let redis = self.redis.clone().ok_or_else(|| Error::NotOurs("redis".to_owned()))?;
        blocking(move || act(&redis)).await
    }

    pub(super) async fn nats<T: Send + 'static>(
        &self,
        act: impl FnOnce(&nats::Private) -> Result<T, test_servers::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let nats = self.nats.clone().ok_or_else(|| Error::NotOurs("nats".to_owned()))?;
        blocking(move || act(&nats)).await
    }
}

/// What is done to a process waits for it.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, test_servers::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(act).await.map_err(std::io::Error::other)??)
}
