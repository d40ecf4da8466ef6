//! An answer that came whole, and what it says of the work.
//!
//! | answer | again? | was it done? |
//! |---|---|---|
//! | 2xx that reads as promised; 402 of a payment | no | told |
//! | 2xx that does not read as promised | yes | perhaps |
//! | 409 `request_in_progress` | yes | perhaps: it is being done |
//! | 429 | yes | no |
//! | 500 whose document says `retryable` | yes | perhaps |
//! | 503 `overloaded`, `storage_unavailable` | yes | no |
//! | 502, 503, 504 otherwise | yes | perhaps |
//! | any other with a problem document of Surehold, below 500 | no | no |
//! | anything else | no | perhaps |
//!
//! What may be done about it, the caller of this module decides: a request without a key is not sent
//! again whatever is said here.

use api::{Code, Problem};
use http::StatusCode;
use outbound::HttpReply;
use serde::de::DeserializeOwned;

/// What an answer without a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySafety {
    pub again: bool,
    /// Whether the work may have been done, or is being done.
    pub perhaps_done: bool,
}

/// Reads a result out of an answer. None: the answer is no result, but a refusal or a failure.
pub type AnswerReader<T> = fn(&HttpReply) -> Option<Result<T, String>>;

/// The body of a 2xx.
pub fn json<T: DeserializeOwned>(answer: &HttpReply) -> Option<Result<T, String>> {
    let read = || serde_json::from_slice(&answer.body).map_err(|error| error.to_string());
    answer.status.is_success().then(read)
}

/// Surehold's own problem document. What a gateway says in a shape of its own is none.
pub fn problem(answer: &HttpReply) -> Option<Problem> {
    let problem: Problem = serde_json::from_slice(&answer.body).ok()?;
    (problem.status == answer.status.as_u16()).then_some(problem)
}

/// The code of a problem document; none if it is one of a server newer than this.
pub fn code(problem: &Problem) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| code.name() == problem.code)
}

/// What an answer says that holds no result.
pub fn verdict(status: StatusCode, problem: Option<&Problem>) -> RetrySafety {
    let code = problem.and_then(code);
    let (again, perhaps_done) = match (status.as_u16(), code) {
        (409, Some(Code::RequestInProgress)) => (true, true),
        (429, _) => (true, false),
        (500, _) => (problem.is_some_and(|problem| problem.retryable), true),
        (503, Some(Code::Overloaded | Code::StorageUnavailable)) => (true, false),
        (502..=504, _) => (true, true),
        (400..500, _) if problem.is_some() => (false, false),
        _ => (false, true),
    };
    RetrySafety { again, perhaps_done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_api_is_sorted() {
        let again: Vec<&str> = Code::documented()
            .filter(|code| {
                let problem = Problem::new(*code, "r");
                let status = StatusCode::from_u16(code.status()).unwrap();
                let verdict = verdict(status, Some(&problem));
                assert!(verdict.again || !verdict.perhaps_done, "{code:?} leaves it open and forbids to ask");
                verdict.again
            })
            .map(Code::name)
            .collect();
        let expected = [
            "request_timed_out",
            "request_in_progress",
            "rate_limited",
            "internal_error",
            "overloaded",
            "storage_unavailable",
            "commit_outcome_unknown",
        ];
        assert_eq!(again, expected);
    }

    #[test]
    fn what_a_code_says_of_the_work() {
        let check = |code: Code, expected: (bool, bool)| {
            let problem = Problem::new(code, "r");
            let RetrySafety { again, perhaps_done } =
                verdict(StatusCode::from_u16(code.status()).unwrap(), Some(&problem));
            assert_eq!((again, perhaps_done), expected, "{code:?}");
        };
        check(Code::RequestInProgress, (true, true));
        check(Code::RequestTimedOut, (true, true));
        check(Code::CommitOutcomeUnknown, (true, true));
        check(Code::InternalError, (true, true));
        check(Code::RateLimited, (true, false));
        check(Code::Overloaded, (true, false));
        check(Code::StorageUnavailable, (true, false));
        check(Code::IdempotencyKeyReused, (false, false));
        check(Code::ChangedMeanwhile, (false, false));
        check(Code::Unauthenticated, (false, false));
    }

    #[test]
    fn what_is_not_surehold_s_own_proves_nothing() {
        let check = |status: u16, expected: (bool, bool)| {
            let RetrySafety { again, perhaps_done } = verdict(StatusCode::from_u16(status).unwrap(), None);
            assert_eq!((again, perhaps_done), expected, "{status}");
        };
        for status in [204, 302, 400, 401, 404, 408, 409, 413, 422, 500, 501, 505, 599] {
            check(status, (false, true));
        }
        for status in [502, 503, 504] {
            check(status, (true, true));
        }
        check(429, (true, false));
        let mut unknown = Problem::new(Code::InternalError, "r");
        unknown.retryable = false;
        assert!(!verdict(StatusCode::INTERNAL_SERVER_ERROR, Some(&unknown)).again);
    }

    #[test]
    fn a_problem_document_is_surehold_s_or_none() {
        let answer = |status: u16, body: &str| HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        };
        let ours = serde_json::to_string(&Problem::new(Code::SlotIsFull, "r")).unwrap();
        assert_eq!(problem(&answer(409, &ours)).unwrap().code, "slot_is_full");
        assert_eq!(problem(&answer(502, &ours)), None, "another status than it speaks of");
        assert_eq!(problem(&answer(409, r#"{"type":"about:blank","title":"Conflict","status":409}"#)), None);
        assert_eq!(problem(&answer(409, "<html>")), None);
    }
}
