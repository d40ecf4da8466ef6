//! Why a call returned no result. The variants answer the most important question: was it done?
//!
//! | error | was it done? | what to do |
//! |---|---|---|
//! | [`Error::Invalid`] | no, nothing was sent | correct the call |
//! | [`Error::Refused`] | no, unless `in_doubt` is set | look at the code |
//! | [`Error::Unavailable`] | no | try later, under the same key or a new one |
//! | [`Error::OutcomeUnknown`] | perhaps | try later, **under the same key** |

use std::fmt;
use std::time::Duration;

use api::Problem;
use uuid::Uuid;

use crate::{IdempotencyKey, RequestFailure};

pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no result. The module's table says what each variant means for the requested work.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The call cannot be sent as it is; nothing was sent.
    Invalid(String),
    /// The server refused; the same request would be refused again now.
    Refused(Box<Refused>),
    /// No reply settles the outcome, and nothing was done.
    Unavailable(Box<Stopped>),
    /// No reply settles the outcome, and the work may have been done. Send it again under `key`:
    /// the reply is then the one that was lost, or the work is done for the first time.
    OutcomeUnknown(Box<Stopped>),
}

/// A refusal by the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub status: u16,
    /// `None` if an intermediary replied, and not Surehold.
    pub problem: Option<Problem>,
    pub key: Option<IdempotencyKey>,
    /// Whether this is the stored reply to an earlier request under the same key.
    pub replayed: bool,
    /// An earlier attempt was sent and its reply lost, or this reply is not Surehold's own. Then
    /// the refusal alone does not prove that nothing was done; sending again under the same key
    /// does.
    pub in_doubt: bool,
    /// Attempts that were made, with the one that got this reply.
    pub attempts: u32,
}

/// The retries ended without a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Stopped {
    pub why: Stop,
    /// The key of the operation. Store it.
    pub key: Option<IdempotencyKey>,
    pub attempts: u32,
    /// Why the last attempt failed; `None` if there was no attempt.
    pub last: Option<RequestFailure>,
    /// How long to wait before the next try, if the server or the circuit said so.
    pub retry_after: Option<Duration>,
}

/// What ended the retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The operation's time was over.
    Deadline,
    /// All allowed attempts were made.
    Attempts,
    /// Too many of this client's requests are retries already; another one would make an outage
    /// worse.
    Budget,
    /// So many recent calls failed that the client does not call the server for a while.
    CircuitOpen,
    /// It must not be sent twice: it takes no idempotency key, or the reply forbids it.
    NotRepeatable,
}

impl Error {
    /// Whether the work may have been done without a reply that says so. Then send it again under
    /// [`Error::key`].
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Error::OutcomeUnknown(_) => true,
            Error::Refused(refused) => refused.in_doubt,
            Error::Invalid(_) | Error::Unavailable(_) => false,
        }
    }

    /// The key of the operation.
    pub fn key(&self) -> Option<&IdempotencyKey> {
        match self {
            Error::Refused(refused) => refused.key.as_ref(),
            Error::Unavailable(stopped) | Error::OutcomeUnknown(stopped) => stopped.key.as_ref(),
            Error::Invalid(_) => None,
        }
    }

    /// The last problem document that the server sent.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Error::Refused(refused) => refused.problem.as_ref(),
            Error::Unavailable(stopped) | Error::OutcomeUnknown(stopped) => {
                stopped.last.as_ref().and_then(RequestFailure::problem)
            }
            Error::Invalid(_) => None,
        }
    }

    /// The problem document's code, such as `slot_is_full`. Programs should decide by it.
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// Whether the same request, under the same key, may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Refused(refused) => refused.problem.as_ref().is_some_and(|problem| problem.retryable),
            Error::Unavailable(_) | Error::OutcomeUnknown(_) => true,
            Error::Invalid(_) => false,
        }
    }

    /// The resource that caused the refusal, or that is being created.
    pub fn resource(&self) -> Option<Uuid> {
        self.problem().and_then(|problem| problem.resource)
    }

    /// The id of the request in the server's log.
    pub fn request_id(&self) -> Option<&str> {
        self.problem().map(|problem| problem.request_id.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(reason) => write!(out, "nothing was sent: {reason}"),
            Error::Refused(refused) => refused.fmt(out),
            Error::Unavailable(stopped) => write!(out, "nothing was done: {stopped}"),
            Error::OutcomeUnknown(stopped) => write!(out, "it may or may not have been done: {stopped}"),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Some(problem) => write!(out, "refused, {} {}: {}", self.status, problem.code, problem.detail)?,
            None => write!(out, "refused, {} without a problem document", self.status)?,
        }
        match (&self.key, self.in_doubt) {
            (Some(key), true) => {
                write!(out, "; an earlier attempt may have done it: send it again under {key}")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.attempts;
        let plural = if attempts == 1 { "" } else { "s" };
        write!(out, "{} after {attempts} attempt{plural}", self.why)?;
        if let Some(last) = &self.last {
            write!(out, "; the last attempt: {last}")?;
        }
        match &self.key {
            Some(key) => write!(out, "; idempotency key {key}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Stop::Deadline => "the time was over",
            Stop::Attempts => "all attempts were used up",
            Stop::Budget => "the budget for retries was spent",
            Stop::CircuitOpen => "the circuit to the server was open",
            Stop::NotRepeatable => "it must not be repeated",
        })
    }
}
