//! Postpone: the work is not done, and the job runs again later.

use alloc::format;
use alloc::string::String;

use super::{UnsettledRun, ends_or_waits, held};
use crate::commands::draft::{Draft, Origin};
use crate::commands::payment::{Afterwards, Unsent, about, give_up, lose_sight, settle_unsent};
use crate::ids::{AttemptId, JobId, PaymentId, RefundId, TenantId};
use crate::lifecycle::{State as _, attempt};
use crate::refusal::Refusal;
use crate::rows::{Actor, AttemptKind, Facts, Failure, Job, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// An attempt that was sent and has no reply becomes *unknown*. After its deadline an unknown attempt gets a
/// review case, and an attempt that was never sent is declined.
#[derive(Clone, Debug)]
pub struct Postpone {
    pub attempt: AttemptId,
    /// The token of its job.
    pub token: i64,
    pub payment: PaymentId,
    pub refund: Option<RefundId>,
    /// The time until the next run.
    pub pause: Span,
    /// The last call may have moved money, and its reply was lost.
    pub lost_sight: bool,
    /// The provider keeps an error of its own under the key of the last call, so the next call
    /// needs another key.
    pub key_spent: bool,
    /// Whether a call reached the provider. A call that our own limits refused does not count.
    pub reached_provider: bool,
    pub error: Option<String>,
}

impl Command for Postpone {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        ends_or_waits(rows, self.attempt, self.payment, self.refund)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, JobId::from(self.attempt), self.token)?.job;
        let mut attempt = facts.attempts.get(self.attempt).ok_or(Refusal::NothingToDo)?.clone();
        let payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let refund = self.refund.and_then(|id| facts.refunds.get(id));
        let in_review = attempt.state.is(attempt::State::Review);
        let late = context.now >= attempt.overdue_at(payment);
        // The payment ended by itself, before the capture or void.
        let moot = attempt.kind != AttemptKind::Charge && payment.state.is_final() && refund.is_none();
        if self.key_spent && !fault_injection::is(fault_injection::InjectedFault::SpentKeySentAgain) {
            attempt.key_number += 1;
            attempt.key_spent_at = Some(context.now);
            attempt.sent_at = None;
            attempt.updated_at = context.now;
        }
        let unsent = if late || moot { Unsent::of(&attempt, payment, refund)? } else { None };
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut refund = refund.cloned();
        if self.lost_sight || late {
            lose_sight(&mut draft, &mut attempt, &mut refund.as_mut());
        }
        let run = UnsettledRun {
            pause: self.pause,
            reached_provider: self.reached_provider,
            in_review,
            error: self.error.as_deref(),
        };
        let mut after = job.postponed(&run, context.now);
        if late && attempt.state.is(attempt::State::Unknown) {
            let detail = format!("the outcome of a {} is unknown at its deadline", attempt.kind.name());
            draft.review_attempt(attempt.id, about(payment), "outcome_unknown_at_deadline", detail);
            give_up(&mut draft, &mut attempt, &mut refund.as_mut(), payment);
            after.looks = 0;
        } else if let Some(unsent) = unsent {
            // Provably never sent: no money moved.
            draft.put(Job { last_error: after.last_error, ..job.at_end(&attempt, payment, context.now) });
            let code = if moot { payment.state.name() } else { "provider_unreachable" };
            let failure = Failure::not_sent(code, !moot);
            settle_unsent(&mut draft, facts, unsent, failure, Afterwards::Stop);
            return Ok(draft.done());
        }
        draft.put(after);
        draft.put(attempt);
        if let Some(refund) = refund {
            draft.put(refund);
        }
        Ok(draft.done())
    }
}
