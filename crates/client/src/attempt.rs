//! One attempt: carried over, and its answer read for what it is.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use api::{Code, Problem};
use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::Failure;
use crate::answer::{self, Answer, Reader};
use crate::call::Call;
use crate::clock::Wall;

/// What carries a request and brings its answer.
pub type Carrier = BoxCloneSyncService<Call, Answer, Failure>;

/// An answer that ends the matter.
#[derive(Debug)]
pub enum Heard<T> {
    Result(T, Answer),
    Refused(Refusal),
}

#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    /// None where somebody on the way answered.
    pub problem: Option<Problem>,
    pub replayed: bool,
}

/// No answer, or one that does not end the matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    pub failure: Failure,
    /// Whether asking again may help.
    pub again: bool,
    /// Whether the work may have been done, or is being done.
    pub perhaps_done: bool,
    /// What the server asked to wait.
    pub retry_after: Option<Duration>,
}

impl Missed {
    /// Somebody is at work on this very operation.
    pub fn is_in_progress(&self) -> bool {
        self.failure.code() == Some(Code::RequestInProgress)
    }
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Missed {
        let perhaps_done = !matches!(failure, Failure::NotSent(_));
        Missed { failure, again: true, perhaps_done, retry_after: None }
    }
}

impl Refusal {
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
    pub read: Reader<T>,
    pub wall: Wall,
}

impl<T> Clone for Attempt<T> {
    fn clone(&self) -> Self {
        Attempt { carrier: self.carrier.clone(), ..*self }
    }
}

impl<T: Send + 'static> Service<Call> for Attempt<T> {
    type Response = Heard<T>;
    type Error = Missed;
    type Future = Pin<Box<dyn Future<Output = Result<Heard<T>, Missed>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Missed>> {
        self.carrier.poll_ready(context).map_err(Missed::from)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let answered = self.carrier.call(call);
        let (read, wall) = (self.read, self.wall);
        Box::pin(async move { judge(answered.await?, read, wall) })
    }
}

fn judge<T>(answer: Answer, read: Reader<T>, wall: Wall) -> Result<Heard<T>, Missed> {
    let status = answer.status;
    match read(&answer) {
        Some(Ok(value)) => return Ok(Heard::Result(value, answer)),
        Some(Err(why)) => return Err(Failure::Unreadable { status: status.as_u16(), why }.into()),
        None => {}
    }
    let problem = answer.problem();
    let verdict = answer::verdict(status, problem.as_ref());
    if !verdict.again && !status.is_server_error() {
        let replayed = answer.is_replayed();
        return Ok(Heard::Refused(Refusal { status: status.as_u16(), problem, replayed }));
    }
    Err(Missed {
        failure: Failure::Answered { status: status.as_u16(), problem: problem.map(Box::new) },
        again: verdict.again,
        perhaps_done: verdict.perhaps_done,
        retry_after: resilience::retry_after::wanted(&answer.headers, wall()),
    })
}
