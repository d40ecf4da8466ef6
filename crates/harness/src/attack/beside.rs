//! The software that stands beside the program and its database: started once a run, shared by the
//! scenarios of it, and ended with us.

use std::sync::Arc;

use peers::redis;

use super::deployment::Tuning;
use super::{Error, Ground, Progress};

/// Clones are the same.
#[derive(Clone, Default)]
pub struct Beside {
    redis: Option<Arc<redis::Private>>,
}

impl Beside {
    /// What the ground has.
    pub(super) async fn start(ground: &Ground, progress: &Progress) -> Result<Beside, Error> {
        let mut beside = Beside::default();
        if matches!(ground, Ground::Postgres { redis: true, .. }) {
            progress.line("starting a private Redis");
            let start = || redis::Private::start(redis::Options::default());
            beside.redis = Some(Arc::new(blocking(start).await?));
        }
        Ok(beside)
    }

    /// Where each process finds it.
    pub(super) fn tune(&self, tuning: &Tuning) -> Tuning {
        match &self.redis {
            Some(redis) => tuning.clone().with("redis", "url", format!("\"{}\"", redis.url())),
            None => tuning.clone(),
        }
    }

    pub(super) async fn redis<T: Send + 'static>(
        &self,
        act: impl FnOnce(&redis::Private) -> Result<T, peers::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let redis = self.redis.clone().ok_or_else(|| Error::NotOurs("redis".to_owned()))?;
        blocking(move || act(&redis)).await
    }
}

/// What is done to a process waits for it.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, peers::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(act).await.map_err(std::io::Error::other)??)
}
