//! What the store is opened with: a location, a clock, ids, the renderer of replies, and a listener.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::side_effects::WakeUp;
use domain::{Ids, KeyId, Refusal, Reply, Timestamp};

use crate::Location;

/// Commands of one batch, and so of one transaction.
pub const BATCH_MAX: usize = 128;
/// Commands that may wait. Above it a command is refused as overload.
pub const QUEUE_MAX: usize = 4096;
/// The part of the queue that one tenant may fill.
pub const TENANT_SHARE: f64 = 0.5;
/// Connections for queries.
pub const READERS: usize = 4;
/// How long one query may take. Only queries of `check` read a whole table, and they have another limit.
pub const QUERY_MAX: Duration = Duration::from_secs(20);

/// The time. On PostgreSQL commands use the server's time instead, so that processes on several
/// machines agree on leases and expiry.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// A reply as it is sent and stored, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub status: u16,
    pub body: String,
    /// The path of the new resource.
    pub location: Option<String>,
}

/// Renders replies as JSON. It is injected, because the store knows no JSON of the API.
pub trait Render: Send + Sync {
    fn reply(&self, reply: &Reply) -> Rendered;
    fn refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered;
}

/// What a transaction has committed, for those who wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Keys that were in flight, with their replies.
    pub answered: Vec<(KeyId, Rendered)>,
    pub wake_ups: BTreeSet<WakeUp>,
}

/// What another process has committed: the work to wake up for, and keys that have their reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    pub answered: Vec<KeyId>,
    pub wake_ups: BTreeSet<WakeUp>,
}

impl Notification {
    /// Notifications may have been missed, for any key.
    pub fn everything() -> Notification {
        Notification { answered: Vec::new(), wake_ups: WakeUp::ALL.into() }
    }
}

/// Is called for each commit. It must not block.
pub trait Listener: Send + Sync {
    /// After each COMMIT of this process that wrote something, before the results are sent. It runs
    /// on the writer's thread.
    fn committed(&self, committed: &Committed);

    /// After commits of other processes on the same database: soon after them, or never, because a
    /// notification may be lost. Only on PostgreSQL.
    fn notified(&self, _: &Notification) {}
}

struct NoListener;

impl Listener for NoListener {
    fn committed(&self, _: &Committed) {}
}

#[derive(Clone)]
pub struct Options {
    pub location: Location,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids + Send + Sync>,
    pub render: Arc<dyn Render>,
    pub listener: Arc<dyn Listener>,
    /// Writer connections on PostgreSQL. SQLite always has one writer. Two writers wait for each
    /// other on a row with much contention, so more than one pays only if the load is spread over
    /// many rows.
    pub writers: usize,
    pub queue_max: usize,
    /// Between 0 and 1.
    pub tenant_share: f64,
    pub batch_max: usize,
    pub readers: usize,
    /// PostgreSQL only.
    pub query_max: Duration,
    /// SQLite only: the largest number of pages of the file, for the test of a full disk.
    pub max_page_count: Option<u32>,
}

impl Options {
    pub fn new(
        location: Location,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids + Send + Sync>,
        render: Arc<dyn Render>,
    ) -> Options {
        Options {
            location,
            clock,
            ids,
            render,
            listener: Arc::new(NoListener),
            writers: 1,
            queue_max: QUEUE_MAX,
            tenant_share: TENANT_SHARE,
            batch_max: BATCH_MAX,
            readers: READERS,
            query_max: QUERY_MAX,
            max_page_count: None,
        }
    }
}
