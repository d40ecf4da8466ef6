//! The servers beside the program and its database. They start once per run, the scenarios share
//! them, and they end with this process.

use std::sync::Arc;

use test_servers::{nats, redis};

use super::deployment::Tuning;
use super::{Error, Ground, Progress};

/// NATS delivers a message again if it is not acknowledged within this time. Scenarios kill
/// processes that have messages; with the program's own default each scenario would wait longer.
const NATS_ACK_WAIT_MS: u64 = 2_000;
/// The size of each scenario's stream: the server reserves it.
const NATS_KEPT_MIB_MAX: u64 = 128;

/// Clones share the servers.
#[derive(Clone, Default)]
pub struct SharedServers {
    redis: Option<Arc<redis::Private>>,
    nats: Option<Arc<nats::Private>>,
}

impl SharedServers {
    /// Starts the servers that the options name.
    pub(super) async fn start(ground: &Ground, progress: &Progress) -> Result<SharedServers, Error> {
        let mut servers = SharedServers::default();
        if matches!(ground, Ground::Postgres { redis: true, .. }) {
            progress.line("starting a private Redis");
            let start = || redis::Private::start(redis::Options::default());
            servers.redis = Some(Arc::new(blocking(start).await?));
        }
        if matches!(ground, Ground::Postgres { nats: true, .. }) {
            progress.line("starting a private NATS");
            let start = || nats::Private::start(nats::Options::default());
            servers.nats = Some(Arc::new(blocking(start).await?));
        }
        Ok(servers)
    }

    /// Adds the servers' addresses to the settings. Each database has its own stream.
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

/// A control command blocks until the process has reacted.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, test_servers::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(act).await.map_err(std::io::Error::other)??)
}
