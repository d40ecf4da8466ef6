//! One attempt: carried over, and its answer read for what it is.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use api::{Code, Problem};
use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::RequestFailure;
use crate::answer::{self, AnswerReader};
use crate::api_request::ApiRequest;
use crate::clock::Wall;
use outbound::HttpReply;

/// What carries a request and brings its answer.
pub type Carrier = BoxCloneSyncService<ApiRequest, HttpReply, RequestFailure>;

/// An answer that ends the matter.
#[derive(Debug)]
pub enum AttemptResult<T> {
    Result(T, HttpReply),
    Refused(RefusedAnswer),
}

#[derive(Debug)]
pub struct RefusedAnswer {
    pub status: u16,
    /// None where somebody on the way answered.
    pub problem: Option<Problem>,
    pub replayed: bool,
}

/// No answer, or one that does not end the matter.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptFailure {
    pub failure: RequestFailure,
    /// Whether asking again may help.
    pub again: bool,
    /// Whether the work may have been done, or is being done.
    pub perhaps_done: bool,
    /// What the server asked to wait.
    pub retry_after: Option<Duration>,
}

impl AttemptFailure {
    /// Somebody is at work on this very operation.
    pub fn is_in_progress(&self) -> bool {
        self.failure.code() == Some(Code::RequestInProgress)
    }
}

impl From<RequestFailure> for AttemptFailure {
    fn from(failure: RequestFailure) -> AttemptFailure {
        let perhaps_done = !matches!(failure, RequestFailure::NotSent(_));
        AttemptFailure { failure, again: true, perhaps_done, retry_after: None }
    }
}

impl RefusedAnswer {
    /// Whether it proves that nothing was done by the request that it answers.
    pub fn is_surehold_s(&self) -> bool {
        self.problem.is_some()
    }

    /// Whether it also tells what became of every earlier attempt: a stored answer is the one there is;
    /// and a key that belongs to another request, or to work done long ago, did so before.
    pub fn settles_earlier_attempts(&self) -> bool {
        let code = self.problem.as_ref().and_then(answer::code);
        self.replayed || matches!(code, Some(Code::IdempotencyKeyReused | Code::IdempotencyKeyExpired))
    }
}

/// Carries a call, and reads a `T` out of its answer.
pub struct Attempt<T> {
    pub carrier: Carrier,
    pub read: AnswerReader<T>,
    pub wall: Wall,
}

impl<T> Clone for Attempt<T> {
    fn clone(&self) -> Self {
        Attempt { carrier: self.carrier.clone(), ..*self }
    }
}

impl<T: Send + 'static> Service<ApiRequest> for Attempt<T> {
    type Response = AttemptResult<T>;
    type Error = AttemptFailure;
    type Future = Pin<Box<dyn Future<Output = Result<AttemptResult<T>, AttemptFailure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        self.carrier.poll_ready(context).map_err(AttemptFailure::from)
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        let answered = self.carrier.call(call);
        let (read, wall) = (self.read, self.wall);
        Box::pin(async move { judge(answered.await?, read, wall) })
    }
}

fn judge<T>(
    answer: HttpReply,
    read: AnswerReader<T>,
    wall: Wall,
) -> Result<AttemptResult<T>, AttemptFailure> {
    let status = answer.status;
    match read(&answer) {
        Some(Ok(value)) => return Ok(AttemptResult::Result(value, answer)),
        Some(Err(why)) => return Err(RequestFailure::Unreadable { status: status.as_u16(), why }.into()),
        None => {}
    }
    let problem = answer::problem(&answer);
    let verdict = answer::verdict(status, problem.as_ref());
    if !verdict.again && !status.is_server_error() {
        let replayed = answer.is_replayed();
        return Ok(AttemptResult::Refused(RefusedAnswer { status: status.as_u16(), problem, replayed }));
    }
    Err(AttemptFailure {
        failure: RequestFailure::Answered { status: status.as_u16(), problem: problem.map(Box::new) },
        again: verdict.again,
        perhaps_done: verdict.perhaps_done,
        retry_after: resilience::retry_after::wanted(&answer.headers, wall()),
    })
}
