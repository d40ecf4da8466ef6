//! Mark as sent: committed before each call that moves money. After it a lost reply means *unknown*.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use super::held;
use crate::commands::draft::{Draft, Origin};
use crate::commands::payment::about;
use crate::ids::{AttemptId, JobId, PaymentId, TenantId};
use crate::lifecycle::{attempt, payment};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Attempt, AttemptKind, Facts, Needs, Payment};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

/// Submitted before the first such call and before each repetition, so that a call is not sent if the payment
/// was voided in the meantime, or if a person has the case.
#[derive(Clone, Debug)]
pub struct MarkSent {
    pub attempt: AttemptId,
    /// The token of its job.
    pub token: i64,
    pub payment: PaymentId,
    /// For a charge: the provider's unconfirmed object, whose id is committed here.
    pub object: Option<String>,
    /// For a charge: the provider's API that it is sent to, where there are several. Committed by the first mark.
    pub api: Option<&'static str>,
    /// How long a refund waits for the effect of the call whose key is spent.
    pub another_key_after: Span,
}

impl MarkSent {
    /// Whether the attempt may call the provider now.
    fn may_send(&self, attempt: &Attempt, payment: &Payment, now: Timestamp) -> bool {
        // The person who has the case may move the money by hand at any time.
        let in_review = attempt.state.is(attempt::State::Review)
            && !fault_injection::is(fault_injection::InjectedFault::SentAfterHandOver);
        let contradicted = payment.contradicted_at.is_some_and(|at| at >= attempt.created_at);
        let stands = match attempt.kind {
            AttemptKind::Charge => {
                let until =
                    payment.pay_until.map_or(attempt.deadline_at, |until| until.min(attempt.deadline_at));
                let nobody_waits = attempt.state.is(attempt::State::Created) && now >= until;
                !payment.void_requested && !nobody_waits
            }
            // No state of an object proves that a call with an error had no effect, so an effect gets time to
            // appear.
            // A dispute that was opened meanwhile takes the same money back.
            AttemptKind::Refund
                if attempt.state.is(attempt::State::Created) && payment.refunds_are_blocked() =>
            {
                false
            }
            AttemptKind::Refund => {
                attempt.key_spent_at.is_none_or(|at| now >= at.plus(self.another_key_after))
            }
            AttemptKind::Capture | AttemptKind::Void => true,
        };
        !in_review && !contradicted && stands
    }
}

impl Command for MarkSent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.attempt));
        rows.attempt(self.attempt);
        rows.payment(self.payment);
        Some(())
    }

    /// Replies with the number of the provider's key for the call, or that the call must not be sent.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        held(facts, JobId::from(self.attempt), self.token)?;
        let attempt = facts.attempts.get(self.attempt).ok_or(Refusal::NothingToDo)?;
        let send = match *attempt.state {
            attempt::State::Created => {
                Some(const { attempt::step(attempt::State::Created, attempt::Event::Send) })
            }
            // It was sent before, and the call is repeated.
            attempt::State::Sent | attempt::State::Unknown | attempt::State::Review => None,
            attempt::State::Succeeded | attempt::State::Declined | attempt::State::WrittenOff => {
                return Err(Refusal::NothingToDo);
            }
        };
        let mut payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?.clone();
        let may_send = self.may_send(attempt, &payment, context.now);
        let sent = match *payment.state {
            _ if attempt.kind != AttemptKind::Charge => None,
            payment::State::Created => {
                Some(const { payment::step(payment::State::Created, payment::Event::Sent) })
            }
            payment::State::Pending => None,
            // A payment leaves `pending` only together with its charge's attempt.
            _ => return Err(Refusal::of_state(payment.state, payment::Event::Sent)),
        };
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        if let Some(object) = &self.object {
            payment.provider_ref = Some(object.clone());
            payment.updated_at = context.now;
        }
        if !may_send {
            draft.put(payment);
            return Ok(draft.reply(Reply::Send(None)));
        }
        let mut attempt = attempt.clone();
        if let Some(step) = send {
            attempt.state = step.to();
            if attempt.kind == AttemptKind::Charge {
                attempt.provider_api = self.api.map(str::to_owned);
            }
        }
        if attempt.sent_at.is_none() {
            attempt.sent_at = Some(context.now);
            attempt.updated_at = context.now;
        }
        if let Some(step) = sent {
            payment.state = draft.step(about(&payment), step);
        }
        let key_number = attempt.key_number;
        draft.put(attempt);
        draft.put(payment);
        Ok(draft.reply(Reply::Send(Some(key_number))))
    }
}
