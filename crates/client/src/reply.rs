//! What a finished operation answers.

use api::Problem;
use api::problem::Failure;
use api::views::Payment;
use http::StatusCode;
use uuid::Uuid;

use crate::IdempotencyKey;
use crate::answer;
use outbound::HttpReply;

/// A result, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationReply<T> {
    pub value: T,
    /// 200 or 201; 202 while a provider's outcome is not known; 402 of a declined payment.
    pub status: u16,
    /// Whether this is the stored answer to an earlier request under the same key: its text is the very
    /// same, and shows what was so then.
    pub replayed: bool,
    pub key: IdempotencyKey,
    /// The path of what was made.
    pub location: Option<String>,
    /// Names the request in the server's log.
    pub request_id: Option<String>,
    /// How often it was sent until this answer came.
    pub attempts: u32,
}

impl<T> OperationReply<T> {
    /// The server has taken it on, and the provider's outcome is not known yet. Ask again under the same
    /// key, look at the resource, or read the events.
    pub fn is_in_progress(&self) -> bool {
        self.status == StatusCode::ACCEPTED.as_u16()
    }
}

/// What became of money that was asked for. A decline is a result like another: the customer's bank
/// said no, and nothing was taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Charge {
    /// Captured or authorized; or it waits for the customer (`next_action`) or for the provider.
    Accepted(Box<Payment>),
    Declined(Box<Declined>),
}

/// A payment that the provider declined. Trying again is a new payment, under a new key.
#[derive(Clone, Debug, PartialEq)]
pub struct Declined {
    pub payment_id: Uuid,
    pub failure: Failure,
    pub problem: Problem,
}

impl Charge {
    pub fn payment_id(&self) -> Uuid {
        match self {
            Charge::Accepted(payment) => payment.id,
            Charge::Declined(declined) => declined.payment_id,
        }
    }

    /// The payment, unless it was declined.
    pub fn accepted(&self) -> Option<&Payment> {
        match self {
            Charge::Accepted(payment) => Some(payment),
            Charge::Declined(_) => None,
        }
    }

    pub fn declined(&self) -> Option<&Declined> {
        match self {
            Charge::Accepted(_) => None,
            Charge::Declined(declined) => Some(declined),
        }
    }
}

/// A 402 with a payment and why it failed is a decline; without them it is a refusal like others.
pub(crate) fn charge(answer: &HttpReply) -> Option<Result<Charge, String>> {
    if answer.status != StatusCode::PAYMENT_REQUIRED {
        return answer::json(answer)
            .map(|payment| payment.map(|payment| Charge::Accepted(Box::new(payment))));
    }
    let problem = answer::problem(answer)?;
    let (payment_id, failure) = (problem.payment_id?, problem.failure.clone()?);
    Some(Ok(Charge::Declined(Box::new(Declined { payment_id, failure, problem }))))
}
