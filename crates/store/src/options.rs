//! What the store is given: a place, a clock, ids, the wire's words, and a listener.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::side_effects::WakeUp;
use domain::{Ids, KeyId, Refusal, Reply, Timestamp};

use crate::Location;

/// Commands of one batch, and so of one transaction.
pub const BATCH_MAX: usize = 128;
/// Commands that may wait; past it a caller is told to come back.
pub const QUEUE_MAX: usize = 4096;
/// The part of the queue that one tenant may fill.
pub const TENANT_SHARE: f64 = 0.5;
/// Connections for queries.
pub const READERS: usize = 4;
/// How long one query may take. None of ours reads a whole table, but for those of `check`, which have another limit.
pub const QUERY_MAX: Duration = Duration::from_secs(20);

/// The time. On PostgreSQL commands use the server's instead, so that programs on several machines
/// agree on leases and expiry.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// A reply as the wire sends it and as it is stored, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub status: u16,
    pub body: String,
    /// The path of what was made.
    pub location: Option<String>,
}

/// The wire's JSON, injected: the store stores replies and knows no JSON of the API.
pub trait Render: Send + Sync {
    fn reply(&self, reply: &Reply) -> Rendered;
    fn refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered;
}

/// What a transaction left for others to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Keys that were in flight and now have their reply.
    pub answered: Vec<(KeyId, Rendered)>,
    pub wake_ups: BTreeSet<WakeUp>,
}

/// What another process left for others to do; and keys that have their reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    pub answered: Vec<KeyId>,
    pub wake_ups: BTreeSet<WakeUp>,
}

impl Notification {
    /// Something may have been missed. Which keys nobody can say.
    pub fn everything() -> Notification {
        Notification { answered: Vec::new(), wake_ups: WakeUp::ALL.into() }
    }
}

/// Who is to be woken. It must not block.
pub trait Listener: Send + Sync {
    /// After each COMMIT of this process that wrote something, before anyone is answered. It runs on the
    /// writer.
    fn committed(&self, committed: &Committed);

    /// What other processes on the same database have committed; soon after it, or never: the way to
    /// them may be broken. Only on PostgreSQL.
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
    /// Writer connections on PostgreSQL; SQLite has one writer always. Two writers wait for each
    /// other on a hot row: more than one pays only under wide load.
    pub writers: usize,
    pub queue_max: usize,
    /// Between 0 and 1.
    pub tenant_share: f64,
    pub batch_max: usize,
    pub readers: usize,
    /// PostgreSQL only.
    pub query_max: Duration,
    /// SQLite only: pages that the file may have. For the test of a full disk.
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
