//! What a complete reply says about the request: whether to retry, and whether the work was done.
//!
//! | reply | retry? | was it done? |
//! |---|---|---|
//! | 2xx with the expected body; 402 of a payment | no | the reply says it |
//! | 2xx with another body | yes | perhaps |
//! | 409 `request_in_progress` | yes | perhaps: it is in progress |
//! | 429 | yes | no |
//! | 500 whose problem document says `retryable` | yes | perhaps |
//! | 503 `overloaded`, `storage_unavailable` | yes | no |
//! | 502, 503, 504 otherwise | yes | perhaps |
//! | any other with a problem document of Surehold, below 500 | no | no |
//! | anything else | no | perhaps |
//!
//! The caller of this module decides what to do: a request without a key is not sent again,
//! whatever this table says.

use api::{Code, Problem};
use http::StatusCode;
use outbound::HttpReply;
use serde::de::DeserializeOwned;

/// Whether to retry after a reply without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySafety {
    pub retryable: bool,
    /// Whether the work may have been done, or is in progress.
    pub may_be_done: bool,
}

/// Reads a result from a reply. `None`: the reply is a refusal or a failure.
pub type ReplyReader<T> = fn(&HttpReply) -> Option<Result<T, String>>;

/// Reads the body of a 2xx.
pub fn json<T: DeserializeOwned>(reply: &HttpReply) -> Option<Result<T, String>> {
    let read = || serde_json::from_slice(&reply.body).map_err(|error| error.to_string());
    reply.status.is_success().then(read)
}

/// Surehold's own problem document. `None` for a gateway's error document.
pub fn problem(reply: &HttpReply) -> Option<Problem> {
    let problem: Problem = serde_json::from_slice(&reply.body).ok()?;
    (problem.status == reply.status.as_u16()).then_some(problem)
}

/// The code of a problem document; `None` if a newer server sent an unknown one.
pub fn code(problem: &Problem) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| code.name() == problem.code)
}

/// What a reply without a result says about retries and about the work.
pub fn retry_safety(status: StatusCode, problem: Option<&Problem>) -> RetrySafety {
    let code = problem.and_then(code);
    let (retryable, may_be_done) = match (status.as_u16(), code) {
        (409, Some(Code::RequestInProgress)) => (true, true),
        (429, _) => (true, false),
        (500, _) => (problem.is_some_and(|problem| problem.retryable), true),
        (503, Some(Code::Overloaded | Code::StorageUnavailable)) => (true, false),
        (502..=504, _) => (true, true),
        (400..500, _) if problem.is_some() => (false, false),
        _ => (false, true),
    };
    RetrySafety { retryable, may_be_done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_api_says_whether_to_retry() {
        let retryable: Vec<&str> = Code::documented()
            .filter(|code| {
                let problem = Problem::new(*code, "r");
                let status = StatusCode::from_u16(code.status()).unwrap();
                let retry_safety = retry_safety(status, Some(&problem));
                assert!(
                    retry_safety.retryable || !retry_safety.may_be_done,
                    "{code:?} leaves the outcome open and forbids a retry"
                );
                retry_safety.retryable
            })
            .map(Code::name)
            .collect();
        let expected = [
            "request_timed_out",
            "request_in_progress",
            "rate_limited",
            "internal_error",
            "provider_unavailable",
            "overloaded",
            "storage_unavailable",
            "commit_outcome_unknown",
        ];
        assert_eq!(retryable, expected);
    }

    #[test]
    fn a_code_says_whether_the_work_may_be_done() {
        let check = |code: Code, expected: (bool, bool)| {
            let problem = Problem::new(code, "r");
            let RetrySafety { retryable, may_be_done } =
                retry_safety(StatusCode::from_u16(code.status()).unwrap(), Some(&problem));
            assert_eq!((retryable, may_be_done), expected, "{code:?}");
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
    fn a_reply_that_is_not_from_surehold_proves_nothing() {
        let check = |status: u16, expected: (bool, bool)| {
            let RetrySafety { retryable, may_be_done } =
                retry_safety(StatusCode::from_u16(status).unwrap(), None);
            assert_eq!((retryable, may_be_done), expected, "{status}");
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
        assert!(!retry_safety(StatusCode::INTERNAL_SERVER_ERROR, Some(&unknown)).retryable);
    }

    #[test]
    fn only_problem_documents_of_surehold_are_read() {
        let reply = |status: u16, body: &str| HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        };
        let ours = serde_json::to_string(&Problem::new(Code::SlotIsFull, "r")).unwrap();
        assert_eq!(problem(&reply(409, &ours)).unwrap().code, "slot_is_full");
        assert_eq!(problem(&reply(502, &ours)), None, "the status differs from the document's");
        assert_eq!(problem(&reply(409, r#"{"type":"about:blank","title":"Conflict","status":409}"#)), None);
        assert_eq!(problem(&reply(409, "<html>")), None);
    }
}
