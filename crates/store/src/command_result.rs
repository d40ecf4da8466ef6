//! What a command gets back.

use domain::{Refusal, Reply};
use uuid::Uuid;

use crate::Rendered;

/// A definite answer. It is given only after COMMIT, replays and refusals included.
#[derive(Clone, Debug)]
pub enum CommandResult {
    /// Done now. `rendered` is what was stored under the key, if there was one and it is finished.
    Fresh { reply: Reply, rendered: Option<Rendered> },
    /// Nothing was changed. `rendered` is what was stored under the key, if the refusal is stored.
    Refused { refusal: Refusal, rendered: Option<Rendered> },
    /// The key was used before: the stored reply, byte for byte.
    Replay { status: u16, body: String, location: Option<String> },
    /// The key was used before and has no reply yet.
    InFlight { resource: Option<Uuid> },
    /// The key was used before and its reply was pruned. Never done again.
    Expired { resource: Option<Uuid> },
    /// The key was used before, for something else.
    Mismatch,
}

impl CommandResult {
    /// In a word, for logs: the rest of it may be a customer's.
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

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    #[error("too many commands wait")]
    QueueFull,
    #[error("too many commands of this tenant wait")]
    TenantShareFull,
    /// Somebody else held a row, or won, for too long.
    #[error("a row that this needs is held by somebody else")]
    Contended,
    /// The connection broke during COMMIT. The same key may ask again and learns what happened.
    #[error("the connection was lost during COMMIT: {0}")]
    CommitUnknown(String),
    /// Nothing was changed.
    #[error("the database failed: {0}")]
    Database(String),
    /// This version cannot read a row that the command needs. A newer one may.
    #[error("{0}")]
    Unreadable(String),
    /// The command itself cannot be carried out: it panicked, or the schema refused its rows.
    #[error("the command cannot be carried out: {0}")]
    Poisoned(String),
    #[error("the store is closed")]
    Closed,
}

impl Unavailable {
    /// Whether the same command may do better in a moment.
    pub fn retryable(&self) -> bool {
        !matches!(self, Unavailable::Poisoned(_))
    }
}
