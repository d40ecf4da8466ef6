//! What went wrong with one attempt.

use std::fmt;

use api::{Code, Problem};

use crate::answer::code;

/// Why an attempt brought no answer that settles the matter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Failure {
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

impl Failure {
    /// One word for transcripts and metrics: `not_sent`, `broken`, `timed_out`, `unreadable`, or the
    /// code of the problem document; `no_document` where an answer had none that is known here.
    pub fn word(&self) -> &'static str {
        match self {
            Failure::NotSent(_) => "not_sent",
            Failure::Broken(_) => "broken",
            Failure::TimedOut => "timed_out",
            Failure::Unreadable { .. } => "unreadable",
            Failure::Answered { .. } => self.code().map_or("no_document", Code::name),
        }
    }

    /// The code of the answer's problem document, if it is known here.
    pub(crate) fn code(&self) -> Option<Code> {
        self.problem().and_then(code)
    }

    /// The problem document of the answer, if there was one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Failure::Answered { problem, .. } => problem.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotSent(why) => write!(out, "nothing was sent: {why}"),
            Failure::Broken(why) => write!(out, "the answer was lost: {why}"),
            Failure::TimedOut => out.write_str("no whole answer in time"),
            Failure::Unreadable { status, why } => {
                write!(out, "the answer ({status}) cannot be read: {why}")
            }
            Failure::Answered { status, problem: Some(problem) } => {
                write!(out, "{status} {}: {}", problem.code, problem.detail)
            }
            Failure::Answered { status, problem: None } => {
                write!(out, "{status} without a problem document")
            }
        }
    }
}
