//! What went wrong with one attempt.

use std::fmt;

use api::{Code, Problem};

use crate::answer::code;

/// Why an attempt brought no answer that settles the matter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestFailure {
    /// No connection: not a byte of the request was written.
    NotSent(String),
    /// The connection broke after writing began, or the answer was none of HTTP.
    Broken(String),
    /// No whole answer in time.
    TimedOut,
    /// A whole answer, whose body is not what its status promises.
    Unreadable { status: u16, why: String },
    /// An answer that bids to ask again, or that leaves open what was done.
    Answered { status: u16, problem: Option<Box<Problem>> },
}

impl RequestFailure {
    /// One word for transcripts and metrics: `not_sent`, `broken`, `timed_out`, `unreadable`, or the
    /// code of the problem document; `no_document` where an answer had none that is known here.
    pub fn word(&self) -> &'static str {
        match self {
            RequestFailure::NotSent(_) => "not_sent",
            RequestFailure::Broken(_) => "broken",
            RequestFailure::TimedOut => "timed_out",
            RequestFailure::Unreadable { .. } => "unreadable",
            RequestFailure::Answered { .. } => self.code().map_or("no_document", Code::name),
        }
    }

    /// The code of the answer's problem document, if it is known here.
    pub(crate) fn code(&self) -> Option<Code> {
        self.problem().and_then(code)
    }

    /// The problem document of the answer, if there was one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            RequestFailure::Answered { problem, .. } => problem.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestFailure::NotSent(why) => write!(out, "nothing was sent: {why}"),
            RequestFailure::Broken(why) => write!(out, "the answer was lost: {why}"),
            RequestFailure::TimedOut => out.write_str("no whole answer in time"),
            RequestFailure::Unreadable { status, why } => {
                write!(out, "the answer ({status}) cannot be read: {why}")
            }
            RequestFailure::Answered { status, problem: Some(problem) } => {
                write!(out, "{status} {}: {}", problem.code, problem.detail)
            }
            RequestFailure::Answered { status, problem: None } => {
                write!(out, "{status} without a problem document")
            }
        }
    }
}
