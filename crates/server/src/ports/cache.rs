//! What all processes on a database share outside it, and the cache that answers before it.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use resilience::budget::FloorSource;
use store::Store;

use super::{IdempotencyCache, NoIdempotencyCache};

pub struct Cache {
    pub idempotency: Arc<dyn IdempotencyCache>,
    /// `None`: each process has its own floors.
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

    /// Refuses an invalid address. An unreachable cache does not prevent the start.
    fn open<'a>(&'a self, store: &'a Store) -> BoxFuture<'a, Result<Cache, String>>;
}

/// The limits that the settings of the service are checked against.
#[derive(Clone, Copy, Debug)]
pub struct CacheTimes {
    /// The limit for one query or message.
    pub timeout: Duration,
    /// The longest time that a marker keeps duplicates away.
    pub lease: Duration,
    /// How long a finished reply is kept.
    pub reply_ttl: Duration,
}
