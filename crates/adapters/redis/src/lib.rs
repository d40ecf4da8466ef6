//! Redis, in front of the database and never instead of it.
//!
//! | piece | what it is |
//! |---|---|
//! | `idempotency_cache` | markers that keep a stampede of duplicates away from the database, and finished replies |
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

mod entry;
mod floor;
mod idempotency_cache;
mod link;

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, TryFutureExt as _};
use providers::Secret;
use server::ports::cache::{Cache, CacheAdapter, CacheTimes};
use store::Store;

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

impl CacheAdapter for Settings {
    fn times(&self) -> CacheTimes {
        CacheTimes { timeout: self.timeout, lease: self.lease, reply_ttl: self.reply_ttl }
    }

    fn open<'a>(&'a self, store: &'a Store) -> BoxFuture<'a, Result<Cache, String>> {
        open(self, store).map_err(|why| format!("redis: {why}")).boxed()
    }
}

/// Refuses an address that cannot be one. A Redis that is out of reach is no reason not to start.
async fn open(settings: &Settings, store: &Store) -> Result<Cache, String> {
    let link = link::Link::open(settings)?;
    let lineage = store.lineage().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "whether the database was restored cannot be read: after a restore, change redis.epoch");
        String::new()
    });
    let names = Arc::new(entry::Names::new(store.database_id(), &lineage, &settings.epoch));
    tokio::spawn(follow(store.clone(), Arc::downgrade(&names)));
    Ok(Cache {
        idempotency: Arc::new(idempotency_cache::RedisIdempotencyCache::new(
            link.clone(),
            names.clone(),
            settings,
        )),
        floors: Some(Arc::new(floor::Floors::new(link, names))),
    })
}

/// A failover goes past servers that run on: until the names are dropped they follow the database.
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
