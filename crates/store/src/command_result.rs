//! The results of commands.

use domain::{Refusal, Reply};
use uuid::Uuid;

use crate::Rendered;

/// A definite result. It is given only after COMMIT, also for replays and refusals.
#[derive(Clone, Debug)]
pub enum CommandResult {
    /// The command was carried out. `rendered` is the reply stored under the key, if the key is finished.
    Fresh { reply: Reply, rendered: Option<Rendered> },
    /// Nothing was changed. `rendered` is the reply stored under the key, if the refusal is stored.
    Refused { refusal: Refusal, rendered: Option<Rendered> },
    /// The key was used before: the stored reply, byte for byte.
    Replay { status: u16, body: String, location: Option<String> },
    /// The key was used before and has no reply yet.
    InFlight { resource: Option<Uuid> },
    /// The key was used before, and its reply was pruned. The operation is never repeated.
    Expired { resource: Option<Uuid> },
    /// The key was used before, for another request.
    Mismatch,
}

impl CommandResult {
    /// The name of the result, for logs. The rest of it may be a customer's data.
    pub fn name(&self) -> &'static str {
        match self {
            CommandResult::Fresh { .. } => "fresh",
            CommandResult::Refused { refusal, .. } => refusal.code(),
            CommandResult::Replay { .. } => "replay",
            CommandResult::InFlight { .. } => "in_flight",
            CommandResult::Expired { .. } => "expired",
            CommandResult::Mismatch => "mismatch",
        }
    }
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    #[error("too many commands wait")]
    QueueFull,
    #[error("too many commands of this tenant wait")]
    TenantShareFull,
    /// Another transaction held a row, or changed it first, for too long.
    #[error("a row that this needs is held by somebody else")]
    Contended,
    /// The connection broke during COMMIT. A request with the same key learns the outcome.
    #[error("the connection was lost during COMMIT: {0}")]
    CommitUnknown(String),
    /// Nothing was changed.
    #[error("the database failed: {0}")]
    Database(String),
    /// This version cannot read a row that the command needs. A newer version may.
    #[error("{0}")]
    Unreadable(String),
    /// The command failed: it panicked, or the schema refused its rows.
    #[error("the command cannot be carried out: {0}")]
    Poisoned(String),
    #[error("the store is closed")]
    Closed,
}

impl Unavailable {
    /// Whether the same command may succeed a moment later.
    pub fn retryable(&self) -> bool {
        !matches!(self, Unavailable::Poisoned(_))
    }
}
