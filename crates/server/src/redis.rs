//! Redis, in front of the database and never instead of it.
//!
//! | piece | what it is |
//! |---|---|
//! | `hot_path` | markers that keep a stampede of duplicates away from the database, and finished replies |
//! | `floor` | the floor of a retry budget, shared by the fleet |
//! | `entry` | what stands under a key, and what it says to a request: pure |
//! | `link` | one connection; quick, or not at all |
//!
//! **Nothing is true because Redis says so.** A finished reply is a copy of what the database keeps for
//! good. A marker says no more than "somebody may be at it, ask again", and lapses by itself. So Redis may
//! lose all of it, or any part, at any moment; may be slow, gone, or back from an old snapshot; and the
//! only thing that changes is how long an answer takes.
//!
//! Entries belong to one database, by its own id, and to one course of its history: a database that was
//! restored is told from what it was before by [`lineage`](store::Queries::lineage), which is read each
//! second, and, where that cannot tell, by the operator, who changes [`Settings::epoch`].
//!
//! What must never be here: an answer of the kind "this is new", a lease that is renewed, and an error
//! that a client sees.

#[cfg(feature = "redis")]
mod entry;
#[cfg(feature = "redis")]
mod floor;
#[cfg(feature = "redis")]
mod idempotency_cache;
#[cfg(feature = "redis")]
mod link;

use std::sync::Arc;
#[cfg(feature = "redis")]
use std::sync::Weak;
use std::time::Duration;

use providers::Secret;
use resilience::budget::FloorSource;
use store::Store;

use crate::ports::{IdempotencyCache, NoIdempotencyCache};

#[cfg(feature = "redis")]
const LOOK_FOR_ANOTHER_COURSE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    pub url: Secret,
    /// For one question or message; past it the database is asked, and nobody is told.
    pub timeout: Duration,
    /// How long a marker keeps duplicates away at most. It is set once and never renewed.
    pub lease: Duration,
    /// How long a finished reply is kept. No longer than the database keeps it.
    pub reply_ttl: Duration,
    /// A larger reply is not kept here.
    pub reply_bytes_max: usize,
    /// Another word here is another set of entries.
    pub epoch: String,
}

impl Settings {
    pub fn new(url: Secret) -> Settings {
        Settings {
            url,
            timeout: Duration::from_millis(50),
            lease: Duration::from_secs(5),
            reply_ttl: Duration::from_hours(24),
            reply_bytes_max: 16 * 1024,
            epoch: String::new(),
        }
    }
}

/// What the rest of the service uses.
pub struct RedisParts {
    pub hot_path: Arc<dyn IdempotencyCache>,
    /// `None`: each process has floors of its own.
    pub floors: Option<Arc<dyn FloorSource>>,
}

impl Default for RedisParts {
    fn default() -> RedisParts {
        RedisParts { hot_path: Arc::new(NoIdempotencyCache), floors: None }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("redis: {0}")]
pub struct Error(pub String);

/// Refuses an address that cannot be one. A Redis that is out of reach is no reason not to start.
#[cfg(feature = "redis")]
pub async fn open(settings: Option<&Settings>, store: &Store) -> Result<RedisParts, Error> {
    let Some(settings) = settings else { return Ok(RedisParts::default()) };
    let link = link::Link::open(settings)?;
    let lineage = store.lineage().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "whether the database was restored cannot be read: after a restore, change redis.epoch");
        String::new()
    });
    let names = Arc::new(entry::Names::new(store.database_id(), &lineage, &settings.epoch));
    tokio::spawn(follow(store.clone(), Arc::downgrade(&names)));
    Ok(RedisParts {
        hot_path: Arc::new(idempotency_cache::RedisIdempotencyCache::new(
            link.clone(),
            names.clone(),
            settings,
        )),
        floors: Some(Arc::new(floor::Floors::new(link, names))),
    })
}

/// A failover goes past servers that run on: until the names are dropped they follow the database.
#[cfg(feature = "redis")]
async fn follow(store: Store, names: Weak<entry::Names>) {
    loop {
        tokio::time::sleep(LOOK_FOR_ANOTHER_COURSE).await;
        let Some(names) = names.upgrade() else { return };
        // A database that does not answer has begun nothing new yet.
        if let Ok(lineage) = store.lineage().await
            && names.follow(&lineage)
        {
            tracing::warn!(
                "the database was restored or failed over: what Redis kept before is not asked any more"
            );
        }
    }
}

#[cfg(not(feature = "redis"))]
#[expect(clippy::unused_async, reason = "the same signature with and without Redis")]
pub async fn open(settings: Option<&Settings>, _: &Store) -> Result<RedisParts, Error> {
    match settings {
        None => Ok(RedisParts::default()),
        Some(_) => Err(Error("this build has no Redis; build with --features redis".to_owned())),
    }
}
