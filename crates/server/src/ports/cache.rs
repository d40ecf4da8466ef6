//! What all processes on a database share outside it, and what is there before it is asked.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use resilience::budget::FloorSource;
use store::Store;

use super::{IdempotencyCache, NoIdempotencyCache};

pub struct Cache {
    pub idempotency: Arc<dyn IdempotencyCache>,
    /// `None`: each process has floors of its own.
    pub floors: Option<Arc<dyn FloorSource>>,
}

/// Nothing is shared.
impl Default for Cache {
    fn default() -> Cache {
        Cache { idempotency: Arc::new(NoIdempotencyCache), floors: None }
    }
}

/// A cache outside this process, before it is opened.
pub trait CacheAdapter: Debug + Send + Sync {
    fn times(&self) -> CacheTimes;

    /// Refuses an address that cannot be one. A cache that is out of reach is no reason not to start.
    fn open<'a>(&'a self, store: &'a Store) -> BoxFuture<'a, Result<Cache, String>>;
}

/// What the settings of the service are held against.
#[derive(Clone, Copy, Debug)]
pub struct CacheTimes {
    /// For one question or message.
    pub timeout: Duration,
    /// How long a marker keeps duplicates away at most.
    pub lease: Duration,
    /// How long a finished reply is kept.
    pub reply_ttl: Duration,
}
