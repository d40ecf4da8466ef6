//! A command: what it claims, what it needs, what it decides.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::idempotency::Fingerprint;
use crate::ids::{ClientId, Ids, KeyId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Changes, Facts, Needs, Put};
use crate::time::Timestamp;

/// The idempotency key that a command came with. The executor reads it, answers a replay, an
/// operation in flight and a reused key by itself, and stores the reply under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub key: KeyId,
    pub tenant: TenantId,
    pub client: ClientId,
    /// The key as the client sent it, for people who search.
    pub text: String,
    pub fingerprint: Fingerprint,
    /// Names the request in a stored problem document.
    pub request_id: String,
}

/// What a decision may know beside its rows.
pub struct Context<'a> {
    /// Sampled once a batch; on PostgreSQL from the database, so that servers agree on expiry.
    pub now: Timestamp,
    pub ids: &'a dyn Ids,
}

/// Something that is asked of the system. It knows no engine.
pub trait Command: Send + Sync + fmt::Debug {
    /// For the fair share of the queue, and for logs; `None` for the system's own work.
    fn tenant(&self) -> Option<TenantId>;

    fn claim(&self) -> Option<&Claim> {
        None
    }

    /// Relaying, posting, sweeping, pruning: it takes what the others leave of a batch, and never
    /// less than an eighth of it.
    fn background(&self) -> bool {
        false
    }

    /// Its type's name, for logs: the rest of it may be a customer's.
    fn name(&self) -> &'static str {
        let path = core::any::type_name::<Self>();
        path.rsplit("::").next().unwrap_or(path)
    }

    /// Asks for rows, children before what they name. Called again before each table is loaded, so
    /// it must be quick and must ask for the same rows each time. `?` waits for a row that names
    /// others; `Some` says that everything was asked for, loaded or not, and so that the rest can be
    /// loaded in one trip.
    fn needs(&self, rows: &mut Needs<'_>) -> Option<()>;

    /// Decides over locked rows. Refusals first; after the last one nothing can fail.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult;
}

pub type DecisionResult = Result<Decision, Refusal>;

/// When a command's key gets its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTiming {
    /// In this transaction: nobody sees the command half done.
    #[default]
    Now,
    /// A worker will answer; until then the key is in flight, pointing at this resource.
    Later(uuid::Uuid),
}

/// What a command changes and says.
#[derive(Debug, Default)]
pub struct Decision {
    pub changes: Changes,
    pub reply: Reply,
    pub settles: ReplyTiming,
    /// Replies to keys that earlier commands left in flight. The rows must have been needed.
    pub answers: Vec<(KeyId, LateReply)>,
}

/// A definite answer to an operation that was left in flight.
#[derive(Debug)]
pub enum LateReply {
    With(Reply),
    Refused(Refusal),
}

impl Decision {
    pub fn reply(mut self, reply: Reply) -> Decision {
        self.reply = reply;
        self
    }

    pub fn settles_later(mut self, resource: impl Into<uuid::Uuid>) -> Decision {
        self.settles = ReplyTiming::Later(resource.into());
        self
    }

    pub fn put<R>(&mut self, row: R)
    where
        Changes: Put<R>,
    {
        self.changes.put(row);
    }

    /// Answers the key that an earlier command left in flight, if it left one.
    pub fn answer(&mut self, key: Option<KeyId>, answer: LateReply) {
        if let Some(key) = key {
            self.answers.push((key, answer));
        }
    }
}
