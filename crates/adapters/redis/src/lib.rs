//! Redis, in front of the database and never instead of it.
//!
//! | piece | what it is |
//! |---|---|
//! | `idempotency_cache` | markers that keep many duplicates away from the database, and finished replies |
//! | `floor` | the floor of a retry budget, shared by all processes |
//! | `entry` | the value of a key, and its meaning for a request: pure |
//! | `link` | one connection, with short limits |
//!
//! **Nothing is true because Redis says so.** A finished reply is a copy of what the database keeps
//! permanently. A marker only means that another request may be in progress, and expires by itself.
//! So Redis may lose all or some of its entries at any moment, may be slow, gone, or restored from
//! an old snapshot; this changes only how long a reply takes.
//!
//! Entries belong to one database, by its own id, and to one part of its history. A restored
//! database is distinguished from its former state by [`lineage`](store::Queries::lineage), which
//! is read each second. If that is not enough, the operator changes [`Settings::epoch`].
//!
//! What must never be here: a verdict "this is new", a lease that is renewed, or an error that a
//! client sees.

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

const LINEAGE_POLL: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    pub url: Secret,
    /// For one query or message. After this time the database answers, and the client sees no
    /// difference.
    pub timeout: Duration,
    /// The longest time that a marker keeps duplicates away. It is set once and never renewed.
    pub lease: Duration,
    /// How long a finished reply is kept. No longer than the database keeps it.
    pub reply_ttl: Duration,
    /// A larger reply is not kept in Redis.
    pub reply_bytes_max: usize,
    /// Another value means another set of entries.
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

/// Refuses an invalid address. An unreachable Redis does not prevent the start.
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

/// After a failover the servers may run on, so they follow the database's lineage until the names
/// are dropped.
async fn follow(store: Store, names: Weak<entry::Names>) {
    loop {
        tokio::time::sleep(LINEAGE_POLL).await;
        let Some(names) = names.upgrade() else { return };
        // While the database does not answer, it has not begun a new history either.
        if let Ok(lineage) = store.lineage().await
            && names.follow(&lineage)
        {
            tracing::warn!(
                "the database was restored or failed over: the earlier entries of Redis are not used any more"
            );
        }
    }
}
