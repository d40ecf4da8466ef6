//! The reply to a finished operation.

use api::Problem;
use api::problem::Failure;
use api::views::Payment;
use http::StatusCode;
use uuid::Uuid;

use crate::IdempotencyKey;
use crate::reply_meaning;
use outbound::HttpReply;

/// A result, with details of its reply.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationReply<T> {
    pub value: T,
    /// 200 or 201; 202 while a provider's outcome is unknown; 402 of a declined payment.
    pub status: u16,
    /// Whether this is the stored reply to an earlier request under the same key: the text is
    /// identical, and shows the state of that time.
    pub replayed: bool,
    pub key: IdempotencyKey,
    /// The path of the created resource.
    pub location: Option<String>,
    /// The id of the request in the server's log.
    pub request_id: Option<String>,
    /// Attempts until this reply arrived.
    pub attempts: u32,
}

impl<T> OperationReply<T> {
    /// The server has accepted the operation, but the provider's outcome is not known yet. Send it
    /// again under the same key, fetch the resource, or read the events.
    pub fn is_in_progress(&self) -> bool {
        self.status == StatusCode::ACCEPTED.as_u16()
    }
}

/// The result of a charge. A decline is a result as well: the customer's bank refused, and nothing
/// was taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Charge {
    /// Captured or authorized, or waiting for the customer (`next_action`) or the provider.
    Accepted(Box<Payment>),
    Declined(Box<Declined>),
}

/// A payment that the provider declined. Another try is a new payment, under a new key.
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

/// A 402 with a payment and its failure is a decline; without them it is a refusal.
pub(crate) fn charge(reply: &HttpReply) -> Option<Result<Charge, String>> {
    if reply.status != StatusCode::PAYMENT_REQUIRED {
        return reply_meaning::json(reply)
            .map(|payment| payment.map(|payment| Charge::Accepted(Box::new(payment))));
    }
    let problem = reply_meaning::problem(reply)?;
    let (payment_id, failure) = (problem.payment_id?, problem.failure.clone()?);
    Some(Ok(Charge::Declined(Box::new(Declined { payment_id, failure, problem }))))
}
