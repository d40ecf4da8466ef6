//! Why a call brought no result. The three kinds answer the one question that matters: was it done?
//!
//! | error | was it done? | what to do |
//! |---|---|---|
//! | [`Error::Invalid`] | no, nothing was sent | mend the call |
//! | [`Error::Refused`] | no; unless `in_doubt`, see there | look at the code |
//! | [`Error::Unavailable`] | no | later again, under the same key or a new one |
//! | [`Error::OutcomeUnknown`] | perhaps | later again, **under the same key** |

use std::fmt;
use std::time::Duration;

use api::Problem;
use uuid::Uuid;

use crate::{IdempotencyKey, RequestFailure};

pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no result. The module's table says what each means for the work that was asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The call cannot be sent as it is. Nothing was.
    Invalid(String),
    /// The server refused, and the same request will not do better now.
    Refused(Box<Refused>),
    /// No answer that settles it, and nothing was done.
    Unavailable(Box<Stopped>),
    /// No answer that settles it, and it may have been done. Ask again under `key`: the answer is then
    /// the one that was lost, or the work is done for the first time.
    OutcomeUnknown(Box<Stopped>),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub status: u16,
    /// None where somebody on the way answered, and not Surehold.
    pub problem: Option<Problem>,
    pub key: Option<IdempotencyKey>,
    /// Whether this is the stored answer to an earlier request under the same key.
    pub replayed: bool,
    /// An earlier attempt was sent and its answer lost, or this answer is not Surehold's own: the
    /// refusal alone does not prove that nothing was done. Asking again under the same key does.
    pub in_doubt: bool,
    /// Attempts that were made, this answer's included.
    pub attempts: u32,
}

/// The retries came to an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Stopped {
    pub why: Stop,
    /// The key that the work was asked for under. Keep it.
    pub key: Option<IdempotencyKey>,
    pub attempts: u32,
    /// What the last attempt met; none where there was none.
    pub last: Option<RequestFailure>,
    /// From when on asking again makes sense, if the server or the circuit said so.
    pub retry_after: Option<Duration>,
}

/// What ended the retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The operation's time was over.
    Deadline,
    /// As many attempts as are allowed were made.
    Attempts,
    /// Too many of this client's requests are retries already: another one would feed an outage.
    Budget,
    /// So much failed lately that the client spares the server for a while.
    CircuitOpen,
    /// It must not be sent twice: it takes no idempotency key, or the answer forbids it.
    NotRepeatable,
}

impl Error {
    /// Whether the work may have been done although nobody said so. Then ask again, under [`Error::key`].
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Error::OutcomeUnknown(_) => true,
            Error::Refused(refused) => refused.in_doubt,
            Error::Invalid(_) | Error::Unavailable(_) => false,
        }
    }

    /// The key that the work was asked for under.
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

    /// The problem document's code, such as `slot_is_full`. What a program decides by.
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// Whether the same request, under the same key, may do better later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Refused(refused) => refused.problem.as_ref().is_some_and(|problem| problem.retryable),
            Error::Unavailable(_) | Error::OutcomeUnknown(_) => true,
            Error::Invalid(_) => false,
        }
    }

    /// The resource that stood in the way, or that is being made.
    pub fn resource(&self) -> Option<Uuid> {
        self.problem().and_then(|problem| problem.resource)
    }

    /// Names the request in the server's log.
    pub fn request_id(&self) -> Option<&str> {
        self.problem().map(|problem| problem.request_id.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(why) => write!(out, "nothing was sent: {why}"),
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
            (Some(key), true) => write!(out, "; an earlier attempt may have done it, ask again under {key}"),
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
            write!(out, "; at last {last}")?;
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
