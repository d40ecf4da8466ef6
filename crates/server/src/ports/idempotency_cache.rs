//! The cache in front of the database: it answers the duplicates of a request before they reach it.
//!
//! Only the database decides. The cache may report that a request is a replay, that its key was
//! used for another request, or that it is in progress. It cannot report that a request is new:
//! [`KnownDuplicate`] has no such variant. It cannot fail either: if it does not know, the database
//! decides.
//!
//! | moment | what happens |
//! |---|---|
//! | before a command that claims a key | [`IdempotencyCache::lookup`]: a known duplicate, or an [`InFlightMarker`] that keeps duplicates away |
//! | work at a provider has begun | [`InFlightMarker::points_at`] records what the key is making |
//! | the database has answered | [`InFlightMarker::settle`] with the reply, if one is stored; otherwise the marker is released |
//! | the request was abandoned | dropping the marker releases it too |
//!
//! What must never be here: a reply to a duplicate that the database would not have given.

use std::sync::Arc;

use domain::working_set::Claim;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use store::{CommandResult, Rendered};
use uuid::Uuid;

pub trait IdempotencyCache: Send + Sync {
    /// Called before the command is submitted. Takes a short, bounded time with any implementation.
    fn lookup<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, CacheLookup>;
}

pub enum CacheLookup {
    /// The database decides; the marker gets the result.
    Decide(Arc<dyn InFlightMarker>),
    Known(KnownDuplicate),
}

/// A duplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownDuplicate {
    /// The reply is stored, and is returned byte for byte.
    Replay(Rendered),
    /// The key has the stored reply of another request.
    Mismatch,
    /// Another request is in progress, and makes this resource, if that is known already.
    InFlight { resource: Option<Uuid> },
}

impl From<KnownDuplicate> for CommandResult {
    fn from(known: KnownDuplicate) -> CommandResult {
        match known {
            KnownDuplicate::Replay(Rendered { status, body, location }) => {
                CommandResult::Replay { status, body, location }
            }
            KnownDuplicate::Mismatch => CommandResult::Mismatch,
            KnownDuplicate::InFlight { resource } => CommandResult::InFlight { resource },
        }
    }
}

/// Keeps duplicates of one request away while it is in progress. Dropping an unsettled marker
/// releases it.
pub trait InFlightMarker: Send + Sync {
    fn points_at(&self, resource: Uuid) -> BoxFuture<'_, ()>;

    /// With the reply that the database keeps under the key. Without one, the marker is released.
    fn settle<'a>(&'a self, reply: Option<&'a Rendered>) -> BoxFuture<'a, ()>;
}

/// Leaves every request to the database.
#[derive(Clone, Copy, Debug)]
pub struct NoIdempotencyCache;

impl IdempotencyCache for NoIdempotencyCache {
    fn lookup<'a>(&'a self, _: &'a Claim) -> BoxFuture<'a, CacheLookup> {
        ready(CacheLookup::Decide(Arc::new(NoMarker))).boxed()
    }
}

/// Keeps no duplicates away.
pub struct NoMarker;

impl InFlightMarker for NoMarker {
    fn points_at(&self, _: Uuid) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn settle<'a>(&'a self, _: Option<&'a Rendered>) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}
