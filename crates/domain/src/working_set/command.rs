//! A command: its idempotency key, the rows that it needs, its decision.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::idempotency::Fingerprint;
use crate::ids::{ClientId, Ids, KeyId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Changes, Facts, Needs, Put};
use crate::time::Timestamp;

/// The idempotency key of a command. The executor reads it, replies to a replay, an operation in flight and a
/// reused key without the command, and stores the reply under it.
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

/// What a decision may use besides its rows.
pub struct Context<'a> {
    /// Read once per batch, on PostgreSQL from the database, so that servers agree on expiry.
    pub now: Timestamp,
    pub ids: &'a dyn Ids,
}

/// A requested change. It knows no engine.
pub trait Command: Send + Sync + fmt::Debug {
    /// For the fair share of the queue and for logs. `None` for the system's own work.
    fn tenant(&self) -> Option<TenantId>;

    fn claim(&self) -> Option<&Claim> {
        None
    }

    /// Relaying, posting, sweeping, pruning: such commands get the part of a batch that the others leave, and
    /// always at least an eighth of it.
    fn background(&self) -> bool {
        false
    }

    /// The name of its type, for logs. The rest of it may be a customer's data.
    fn name(&self) -> &'static str {
        let path = core::any::type_name::<Self>();
        path.rsplit("::").next().unwrap_or(path)
    }

    /// Requests rows, children before the rows that they name. It is called again before each table
    /// is loaded, so it must be quick and must request the same rows each time. `?` waits for a row
    /// that names others. `Some` means that all rows were requested, loaded or not, so that the
    /// rest can be loaded in one round trip.
    fn needs(&self, rows: &mut Needs<'_>) -> Option<()>;

    /// Decides over locked rows. Refusals first; after the last one nothing can fail.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult;
}

pub type DecisionResult = Result<Decision, Refusal>;

/// When a command's key gets its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTiming {
    /// In this transaction: no reader sees the command half done.
    #[default]
    Now,
    /// A worker replies later. Until then the key is in flight, with this resource.
    Later(uuid::Uuid),
}

/// The changes and the reply of a command.
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

    /// Replies to the key that an earlier command left in flight, if there is one.
    pub fn answer(&mut self, key: Option<KeyId>, answer: LateReply) {
        if let Some(key) = key {
            self.answers.push((key, answer));
        }
    }
}
