//! Why an attempt failed.

use std::fmt;

use api::{Code, Problem};

use crate::reply_meaning::code;

/// Why an attempt returned no reply that settles the outcome.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestFailure {
    /// No connection: not a byte of the request was written.
    NotSent(String),
    /// The connection broke after writing began, or the reply was not HTTP.
    Broken(String),
    /// No complete reply in time.
    TimedOut,
    /// A complete reply whose body does not match its status.
    Unreadable { status: u16, why: String },
    /// A reply that asks for a retry, or that leaves the outcome open.
    Answered { status: u16, problem: Option<Box<Problem>> },
}

impl RequestFailure {
    /// A label for transcripts and metrics: `not_sent`, `broken`, `timed_out`, `unreadable`, or the
    /// code of the problem document; `no_document` if the reply had no known one.
    pub fn label(&self) -> &'static str {
        match self {
            RequestFailure::NotSent(_) => "not_sent",
            RequestFailure::Broken(_) => "broken",
            RequestFailure::TimedOut => "timed_out",
            RequestFailure::Unreadable { .. } => "unreadable",
            RequestFailure::Answered { .. } => self.code().map_or("no_document", Code::name),
        }
    }

    /// The code of the reply's problem document, if it is known here.
    pub(crate) fn code(&self) -> Option<Code> {
        self.problem().and_then(code)
    }

    /// The problem document of the reply, if it had one.
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
            RequestFailure::Broken(why) => write!(out, "the reply was lost: {why}"),
            RequestFailure::TimedOut => out.write_str("no complete reply in time"),
            RequestFailure::Unreadable { status, why } => {
                write!(out, "the reply ({status}) cannot be read: {why}")
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
