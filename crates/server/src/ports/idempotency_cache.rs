//! What stands in front of the database and answers the duplicates of a request before they reach it.
//!
//! The database is the judge. Whatever is asked here may say that a request is a replay, that its key was
//! used for another one, or that it is under way; none can say that it is new: [`KnownDuplicate`] has no word for
//! it. Nor can it fail: what it does not know, the database decides.
//!
//! | moment | what happens |
//! |---|---|
//! | before a command that claims a key | [`IdempotencyCache::ask`]: known, or a [`InFlightMarker`] that keeps duplicates away |
//! | work at a provider was begun | [`InFlightMarker::points_at`] says what the key is making |
//! | the database answered | [`InFlightMarker::settle`] with the reply, if one is stored; else the marker is given back |
//! | the request was given up | the marker is dropped, which gives it back too |
//!
//! What must never be here: a duplicate's answer that the database would not have given.

use std::sync::Arc;

use domain::working_set::Claim;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use store::{CommandResult, Rendered};
use uuid::Uuid;

pub trait IdempotencyCache: Send + Sync {
    /// Asked before the command is submitted. Takes a bounded, short time, whatever is behind it.
    fn ask<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, CacheLookup>;
}

pub enum CacheLookup {
    /// The database decides; the marker is told what came of it.
    Decide(Arc<dyn InFlightMarker>),
    Known(KnownDuplicate),
}

/// A duplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownDuplicate {
    /// The reply is stored: it is sent again, byte for byte.
    Replay(Rendered),
    /// The key has the stored reply of another request.
    Mismatch,
    /// Another request is carrying it out, and makes this resource, if that is known already.
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

/// Keeps duplicates of one request away while it is under way. Given back when it is dropped unsettled.
pub trait InFlightMarker: Send + Sync {
    fn points_at(&self, resource: Uuid) -> BoxFuture<'_, ()>;

    /// With the reply that the database keeps under the key; without one, the marker is given back.
    fn settle<'a>(&'a self, reply: Option<&'a Rendered>) -> BoxFuture<'a, ()>;
}

/// Everything is asked of the database.
#[derive(Clone, Copy, Debug)]
pub struct NoIdempotencyCache;

impl IdempotencyCache for NoIdempotencyCache {
    fn ask<'a>(&'a self, _: &'a Claim) -> BoxFuture<'a, CacheLookup> {
        ready(CacheLookup::Decide(Arc::new(NoMarker))).boxed()
    }
}

/// Keeps nobody away.
pub struct NoMarker;

impl InFlightMarker for NoMarker {
    fn points_at(&self, _: Uuid) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn settle<'a>(&'a self, _: Option<&'a Rendered>) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}
