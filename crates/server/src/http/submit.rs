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
//! What must never be here: Redis, and a duplicate's answer that the database would not have given.

use std::sync::Arc;

use domain::working_set::{Claim, Command};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use store::{CommandResult, Rendered};
use uuid::Uuid;

use super::answer::{Handled, handled};
use super::{App, RefusedRequest};

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

struct NoMarker;

impl InFlightMarker for NoMarker {
    fn points_at(&self, _: Uuid) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn settle<'a>(&'a self, _: Option<&'a Rendered>) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}

/// Carries out a command that is answered in one transaction.
pub async fn submit(app: &App, command: impl Command + 'static) -> Handled {
    let claim = command.claim().cloned();
    submit_once(app, claim.as_ref(), |_| app.store().submit(Box::new(command))).await
}

/// Carries out what may claim a key. A duplicate that is known here never comes to `work`.
pub async fn submit_once<W, E>(
    app: &App,
    claim: Option<&Claim>,
    work: impl FnOnce(Arc<dyn InFlightMarker>) -> W,
) -> Handled
where
    W: Future<Output = Result<CommandResult, E>>,
    RefusedRequest: From<E>,
{
    let asked = match claim {
        Some(claim) => app.parts.hot_path.ask(claim).await,
        None => CacheLookup::Decide(Arc::new(NoMarker)),
    };
    let marker = match asked {
        CacheLookup::Known(known) => return handled(known.into()),
        CacheLookup::Decide(marker) => marker,
    };
    let answer = work(marker.clone()).await;
    // Before the client hears of it: one that asks again at once finds what it was told.
    let reply = answer.as_ref().ok().and_then(stored);
    marker.settle(reply.as_ref()).await;
    handled(answer?)
}

/// What the database keeps under the key, for good.
fn stored(answer: &CommandResult) -> Option<Rendered> {
    match answer {
        CommandResult::Fresh { rendered, .. } | CommandResult::Refused { rendered, .. } => rendered.clone(),
        CommandResult::Replay { status, body, location } => {
            Some(Rendered { status: *status, body: body.clone(), location: location.clone() })
        }
        CommandResult::InFlight { .. } | CommandResult::Expired { .. } | CommandResult::Mismatch => None,
    }
}
