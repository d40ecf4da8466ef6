//! Settle a refund: a worker or a webhook tells what the provider's refund is now.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use super::give_up::give_up;
use super::observe::review_if_unasked;
use super::settle::By;
use super::{about, about_refund, tell_refund, tell_refund_of};
use crate::commands::draft::Draft;
use crate::commands::events::close;
use crate::commands::jobs::{give_up_job, held};
use crate::ids::{AttemptId, JobId, PaymentId, RefundId, TenantId};
use crate::lifecycle::refund::{Event, State};
use crate::lifecycle::{State as _, attempt, inbound_event, job};
use crate::money::Money;
use crate::provider::{RefundObservation, RefundStatus};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Attempt, Booking, Facts, Failure, Needs, Payment, Refund};
use crate::time::Span;
use crate::working_set::{Command, Context, Decision, Json};

#[derive(Clone, Debug)]
pub enum RefundOutcome {
    Seen(RefundObservation),
    /// The provider turned it down for good; nothing moved.
    Refused {
        code: String,
    },
}

#[derive(Clone, Debug)]
pub struct SettleRefund {
    pub by: By,
    pub refund: RefundId,
    pub payment: PaymentId,
    pub outcome: RefundOutcome,
    /// How long to wait before looking again at one that is pending.
    pub look_again: Span,
}

impl SettleRefund {
    /// The event this outcome is for the refund, or why it is none.
    fn event(&self, refund: &Refund) -> Result<Option<Event>, String> {
        match &self.outcome {
            // A refund that the provider has was not turned down: an earlier call of ours made it.
            RefundOutcome::Refused { .. } => {
                let open = refund.provider_ref.is_none() && !refund.state.is(State::Failed);
                Ok(open.then_some(Event::Failed))
            }
            RefundOutcome::Seen(seen) => {
                if refund.provider_ref.as_ref().is_some_and(|known| *known != seen.object) {
                    return Err(alloc::format!("a second refund at the provider: {}", seen.object));
                }
                if seen.amount_minor != refund.amount_minor || seen.currency != refund.currency {
                    return Err(alloc::format!("refunded {} {}", seen.amount_minor, seen.currency));
                }
                let event = match seen.status {
                    RefundStatus::Pending => Event::Accepted,
                    RefundStatus::Succeeded => Event::Succeeded,
                    RefundStatus::Failed(_) => Event::Failed,
                };
                if event == Event::Succeeded && refund.state.is(State::Failed) {
                    return Err("it succeeded after it had failed".to_owned());
                }
                Ok(refund.state.step(event).is_ok().then_some(event))
            }
        }
    }

    fn failure(&self) -> Option<Failure> {
        match &self.outcome {
            RefundOutcome::Refused { code } => Some(Failure { code: code.clone(), retryable: false }),
            RefundOutcome::Seen(RefundObservation { status: RefundStatus::Failed(failure), .. }) => {
                Some(failure.clone())
            }
            RefundOutcome::Seen(_) => None,
        }
    }

    fn settle_attempt(&self, draft: &mut Draft<'_>, facts: &Facts, refund: &Refund) -> Result<(), Refusal> {
        let Some(attempt) = facts.attempts.get(AttemptId::from(self.refund)) else { return Ok(()) };
        if attempt.state.is_final() {
            return Ok(());
        }
        let event = match *refund.state {
            State::Pending | State::Succeeded => attempt::Event::Succeed,
            State::Failed => attempt::Event::Decline,
            State::Created | State::Unknown | State::Review => return Ok(()),
        };
        let answer = if event == attempt::Event::Succeed {
            Ok(Reply::Refund(Box::new(refund.clone())))
        } else {
            let code = refund.failure.as_ref().map_or("failed", |failure| failure.0.code.as_str());
            Err(Refusal::RefundFailed { refund: refund.id.0, code: code.to_owned() })
        };
        draft.answer(attempt.key, answer);
        draft.put(Attempt {
            state: attempt.state.step(event)?.to(),
            failure: refund.failure.clone(),
            updated_at: draft.context.now,
            ..attempt.clone()
        });
        Ok(())
    }

    fn settle_job(&self, draft: &mut Draft<'_>, facts: &Facts, refund: &Refund) -> Result<(), Refusal> {
        let Some(job) = facts.jobs.get(JobId::from(AttemptId::from(self.refund))) else { return Ok(()) };
        let ended = matches!(*refund.state, State::Succeeded | State::Failed);
        match *job.state {
            job::State::Ready | job::State::Running => {}
            // What killed it has settled itself: no person has to see to it.
            job::State::Dead if ended => {}
            job::State::Dead | job::State::Done => return Ok(()),
        }
        let mut job = job.clone();
        if ended {
            job.state = job.state.step(job::Event::Finish)?.to();
        } else if matches!(self.by, By::Job { .. }) {
            job.state = job.state.step(job::Event::Reschedule)?.to();
            job.due_at = draft.context.now.plus(self.look_again);
            job.worker = None;
            job.lease_until = None;
            // It was answered: the next look was planned, and is no retry.
            job.last_error = None;
        } else {
            return Ok(());
        }
        job.updated_at = draft.context.now;
        draft.put(job);
        Ok(())
    }
}

impl SettleRefund {
    /// A contradiction needs a person. Money that it speaks of is booked as suspense meanwhile, and
    /// the driver's job stops.
    fn contradict(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        refund: &mut Refund,
        payment: &Payment,
        why: &str,
    ) -> Result<(), Refusal> {
        draft.review(about_refund(refund), "provider_contradicts", why.to_owned());
        if let RefundOutcome::Seen(seen) = &self.outcome
            && seen.status == RefundStatus::Succeeded
        {
            let movement = alloc::format!("refund.contradicted/{}/{}", refund.id, seen.object);
            let moved = Money::new(seen.amount_minor, seen.currency);
            tell_refund_of(draft, refund, payment, "refund.contradicted", &movement, moved);
        }
        if let By::Job { job, token } = self.by {
            let open = facts.attempts.get(AttemptId::from(self.refund));
            if let Some(mut attempt) = open.filter(|attempt| !attempt.state.is_final()).cloned() {
                give_up(draft, &mut attempt, &mut Some(refund), payment)?;
                draft.put(attempt);
            }
            let job = held(facts, job, token)?.clone();
            give_up_job(draft, job, why.to_owned())?;
        }
        Ok(())
    }
}

/// What the move means for the payment's sums and, through it, for the booking's.
fn count(payment: &mut Payment, booking: Option<&mut Booking>, refund: &Refund, from: State, to: State) {
    let amount = refund.amount_minor;
    let open = |state: State| !matches!(state, State::Succeeded | State::Failed);
    if open(from) && !open(to) {
        payment.let_go(amount);
    }
    let sign = match (from, to) {
        (from, State::Succeeded) if from != State::Succeeded => 1,
        (State::Succeeded, State::Failed) => -1,
        _ => return,
    };
    payment.refunded_minor += sign * amount;
    payment.booked_refunded_minor += sign * amount;
    if let Some(booking) = booking {
        booking.refunded_minor += sign * amount;
    }
}

impl Command for SettleRefund {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let attempt = AttemptId::from(self.refund);
        if let By::Event(event) = self.by {
            rows.inbound_event(event);
        }
        rows.job(JobId::from(attempt));
        let attempt = rows.attempt(attempt);
        rows.refund(self.refund);
        let payment = rows.payment(self.payment)?;
        if let Some(booking) = payment.booking {
            rows.booking(booking);
        }
        if let Some(key) = attempt?.key {
            rows.key(key);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let mut payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?.clone();
        self.by.check(facts, &payment)?;
        let before = facts
            .refunds
            .get(self.refund)
            .filter(|refund| refund.payment == self.payment)
            .ok_or(Refusal::RefundNotFound)?;
        let origin = self.by.origin();
        let mut draft = Draft::new(context, &origin);
        let mut refund = before.clone();
        let mut closing = (inbound_event::Event::Process, None);
        let mut stopped = false;
        match self.event(before) {
            Err(why) => {
                self.contradict(&mut draft, facts, &mut refund, &payment, &why)?;
                closing.1 = Some(why);
                stopped = true;
            }
            Ok(None) => closing = (inbound_event::Event::Ignore, Some("older than what is known".to_owned())),
            Ok(Some(event)) => {
                refund.state = draft.step(about_refund(&refund), before.state, event)?.to();
                refund.failure = self.failure().map(Json).or(refund.failure);
                refund.updated_at = context.now;
                if let RefundOutcome::Seen(seen) = &self.outcome {
                    refund.provider_ref = Some(seen.object.clone());
                }
                let mut booking = payment.booking.and_then(|id| facts.bookings.get(id)).cloned();
                count(&mut payment, booking.as_mut(), &refund, *before.state, *refund.state);
                payment.updated_at = context.now;
                let kind = message(*before.state, *refund.state);
                if kind == "refund.reversed" {
                    let why = "the provider sent a refund back".to_owned();
                    draft.review(about(&payment), "refund_failed_after_it_succeeded", why);
                }
                tell_refund(&mut draft, &mut refund, &payment, kind);
                if kind == "refund.failed" {
                    review_if_unasked(&mut draft, &payment, &refund);
                }
                if let Some(booking) = booking {
                    draft.put(booking);
                }
                draft.put(payment);
            }
        }
        if !stopped {
            self.settle_attempt(&mut draft, facts, &refund)?;
            self.settle_job(&mut draft, facts, &refund)?;
        }
        if refund != *before {
            draft.put(refund);
        }
        if let By::Event(event) = self.by {
            close(&mut draft, facts, event, closing.0, closing.1)?;
        }
        Ok(draft.done())
    }
}

fn message(from: State, to: State) -> &'static str {
    match (from, to) {
        (_, State::Succeeded) => "refund.succeeded",
        (State::Succeeded, State::Failed) => "refund.reversed",
        (_, State::Failed) => "refund.failed",
        _ => "refund.pending",
    }
}
