//! One attempt: sends a request and interprets the reply.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use api::{Code, Problem};
use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::RequestFailure;
use crate::api_request::ApiRequest;
use crate::clock::WallClock;
use crate::reply_meaning::{self, ReplyReader};
use outbound::HttpReply;

/// Sends a request and returns the reply.
pub type HttpService = BoxCloneSyncService<ApiRequest, HttpReply, RequestFailure>;

/// A reply that ends the retries.
#[derive(Debug)]
pub enum AttemptResult<T> {
    Result(T, HttpReply),
    Refused(RefusedReply),
}

#[derive(Debug)]
pub struct RefusedReply {
    pub status: u16,
    /// `None` if an intermediary replied.
    pub problem: Option<Problem>,
    pub replayed: bool,
}

/// No reply, or one that does not end the retries.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptFailure {
    pub failure: RequestFailure,
    /// Whether a retry may help.
    pub retryable: bool,
    /// Whether the work may have been done, or is in progress.
    pub may_be_done: bool,
    /// The wait that the server requested.
    pub retry_after: Option<Duration>,
}

impl AttemptFailure {
    /// The server is already working on this operation.
    pub fn is_in_progress(&self) -> bool {
        self.failure.code() == Some(Code::RequestInProgress)
    }
}

impl From<RequestFailure> for AttemptFailure {
    fn from(failure: RequestFailure) -> AttemptFailure {
        let may_be_done = !matches!(failure, RequestFailure::NotSent(_));
        AttemptFailure { failure, retryable: true, may_be_done, retry_after: None }
    }
}

impl RefusedReply {
    /// Whether it proves that this request did nothing.
    pub fn is_from_surehold(&self) -> bool {
        self.problem.is_some()
    }

    /// Whether it also shows the outcome of every earlier attempt: a stored reply is the only one;
    /// and a key that belongs to another request, or to old work, did so before.
    pub fn settles_earlier_attempts(&self) -> bool {
        let code = self.problem.as_ref().and_then(reply_meaning::code);
        self.replayed || matches!(code, Some(Code::IdempotencyKeyReused | Code::IdempotencyKeyExpired))
    }
}

/// Sends a request, and reads a `T` from the reply.
pub struct Attempt<T> {
    pub http: HttpService,
    pub read: ReplyReader<T>,
    pub wall_clock: WallClock,
}

impl<T> Clone for Attempt<T> {
    fn clone(&self) -> Self {
        Attempt { http: self.http.clone(), ..*self }
    }
}

impl<T: Send + 'static> Service<ApiRequest> for Attempt<T> {
    type Response = AttemptResult<T>;
    type Error = AttemptFailure;
    type Future = Pin<Box<dyn Future<Output = Result<AttemptResult<T>, AttemptFailure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        self.http.poll_ready(context).map_err(AttemptFailure::from)
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        let sent = self.http.call(call);
        let (read, wall_clock) = (self.read, self.wall_clock);
        Box::pin(async move { interpret(sent.await?, read, wall_clock) })
    }
}

fn interpret<T>(
    reply: HttpReply,
    read: ReplyReader<T>,
    wall_clock: WallClock,
) -> Result<AttemptResult<T>, AttemptFailure> {
    let status = reply.status;
    match read(&reply) {
        Some(Ok(value)) => return Ok(AttemptResult::Result(value, reply)),
        Some(Err(why)) => return Err(RequestFailure::Unreadable { status: status.as_u16(), why }.into()),
        None => {}
    }
    let problem = reply_meaning::problem(&reply);
    let safety = reply_meaning::retry_safety(status, problem.as_ref());
    if !safety.retryable && !status.is_server_error() {
        let replayed = reply.is_replayed();
        return Ok(AttemptResult::Refused(RefusedReply { status: status.as_u16(), problem, replayed }));
    }
    Err(AttemptFailure {
        failure: RequestFailure::Answered { status: status.as_u16(), problem: problem.map(Box::new) },
        retryable: safety.retryable,
        may_be_done: safety.may_be_done,
        retry_after: resilience::retry_after::wanted(&reply.headers, wall_clock()),
    })
}
