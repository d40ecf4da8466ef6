//! Settle a refund: a worker or a webhook submits its observation of the provider's refund.
//!
//! A person may have made the refund in the provider's dashboard. Then it has no row, and gets one with its
//! first observation. The row's id is hashed from the provider's id.
//!
//! | such a refund, of a payment that | becomes |
//! |---|---|
//! | is captured | a refund like any other, under no key |
//! | is not known to be captured yet, or was contradicted | nothing yet: the event is retried after that is settled |
//! | has refunds under way, at a provider whose refunds carry no reference of ours | nothing yet: it may be one of them |
//! | has this very object as a refund since the caller looked for its row | nothing: the next look finds the row |
//! | ended without money in our books | a movement out of suspense, where its money is |
//! | has counted another incoming payment of its object (a Pix) than the one that went back | the same |
//! | has less money left than went back | the same, with a review case: the money is not that of our books |
//!
//! If such a refund has the metadata of another refund of ours, a person must look at it as well:
//! the metadata was copied, or we refunded twice. If it has the metadata of a refund that our books do not
//! have, it is that refund: the database was restored to an earlier moment, and its client may repeat the
//! request.
//!
//! A movement out of suspense has no refund of ours. If it comes back, it goes into suspense again.

mod suspense;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::answer::{Ends, failed, review_if_unasked};
use super::give_up::{close_case, give_up, needs_case};
use super::movements::{MoneyMoved, record};
use super::observe::CONTRADICTS;
use super::settle::{CheckedSource, ObservedBy};
use super::{LeavesRevenue, about, about_refund, append_refund_movement, needs_of_refunded};
use crate::commands::draft::Draft;
use crate::commands::events::Closing;
use crate::commands::jobs::{OpenJob, RecheckDelays, give_up_job};
use crate::ids::{AttemptId, JobId, MovementId, PaymentId, RefundId, ReviewId, TenantId};
use crate::lifecycle::refund::{Event, State};
use crate::lifecycle::{CurrentState, State as _, Step, attempt, job, payment};
use crate::money::Money;
use crate::provider::{RefundObservation, RefundStatus};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::MovementKind::{SuspenseReturn, SuspenseReturnReversal};
use crate::rows::{Attempt, Booking, Facts, Failure, MovementKind, Needs, Payment, Refund};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub enum RefundOutcome {
    Seen(RefundObservation),
    /// The provider refused the refund for good, or it was never sent. No money moved.
    Refused(Failure),
}

#[derive(Clone, Debug)]
pub struct SettleRefund {
    pub by: ObservedBy,
    pub refund: RefundId,
    pub payment: PaymentId,
    pub outcome: RefundOutcome,
    /// The refund of ours that the metadata name, if it is not `refund`.
    pub mark: Option<RefundId>,
    /// The provider's refunds carry no reference of ours: one that has no row may be a refund of ours
    /// that is under way.
    pub may_be_ours: bool,
    /// When a pending refund is rechecked.
    pub recheck: RecheckDelays,
}

impl SettleRefund {
    /// The refund's step on this outcome, if it has one. An error is what the outcome contradicts.
    fn step_of(&self, refund: &Refund, payment: &Payment) -> Result<Option<Step<State>>, String> {
        match &self.outcome {
            // The provider has the refund, because an earlier call of ours made it: only this call
            // was refused.
            RefundOutcome::Refused(_) => {
                let made = refund.provider_ref.is_some();
                Ok(refund.state.step(Event::Failed).filter(|step| !made && is_open(step.from())))
            }
            RefundOutcome::Seen(seen) => {
                if refund.provider_ref.as_ref().is_some_and(|known| *known != seen.object) {
                    return Err(format!("a second refund at the provider: {}", seen.object));
                }
                if seen.amount_minor != refund.amount_minor || seen.currency != refund.currency {
                    return Err(format!("refunded {}", Money::new(seen.amount_minor, seen.currency)));
                }
                let event = match seen.status {
                    RefundStatus::Pending => Event::Accepted,
                    RefundStatus::Succeeded => Event::Succeeded,
                    RefundStatus::Failed(_) => Event::Failed,
                };
                if event == Event::Succeeded && refund.state.is(State::Failed) {
                    return Err("it succeeded after it had failed".to_owned());
                }
                let step = refund.state.step(event);
                let more = payment.refunded_minor + refund.amount_minor > payment.captured_minor;
                if step.is_some() && more && event == Event::Succeeded {
                    return Err("more went back than was captured".to_owned());
                }
                Ok(step)
            }
        }
    }

    /// The movement of this kind of the refund that was seen.
    fn movement(&self, kind: MovementKind) -> Option<MovementId> {
        let RefundOutcome::Seen(seen) = &self.outcome else { return None };
        Some(MovementId::of(self.payment, kind.name(), &seen.object))
    }

    fn is_recorded(&self, facts: &Facts, kind: MovementKind) -> bool {
        self.movement(kind).is_some_and(|moved| facts.movements.get(moved).is_some())
    }

    fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            RefundOutcome::Refused(failure)
            | RefundOutcome::Seen(RefundObservation { status: RefundStatus::Failed(failure), .. }) => {
                Some(failure)
            }
            RefundOutcome::Seen(_) => None,
        }
    }

    /// The row of the refund. If an event shows another object, it is another refund.
    fn known<'f>(&self, facts: &'f Facts) -> Option<&'f Refund> {
        let known = facts.refunds.get(self.refund).filter(|refund| refund.payment == self.payment);
        let Some(known) = known else { return self.marked(facts) };
        let another = match (&self.by, &self.outcome, &known.provider_ref) {
            (ObservedBy::Event(_) | ObservedBy::LookUp { .. }, RefundOutcome::Seen(seen), Some(object)) => {
                *object != seen.object
            }
            _ => false,
        };
        (!another).then_some(known)
    }

    /// The refund of the mark, if its client repeated a lost request since the mark was read.
    fn marked<'f>(&self, facts: &'f Facts) -> Option<&'f Refund> {
        let RefundOutcome::Seen(seen) = &self.outcome else { return None };
        let is_it = |refund: &&Refund| {
            let object = refund.provider_ref.as_ref();
            refund.payment == self.payment
                && refund.amount_minor == seen.amount_minor
                && object.is_none_or(|object| *object == seen.object)
        };
        facts.refunds.get(self.mark?).filter(is_it)
    }

    /// The mark, if our books have lost its refund.
    fn lost(&self, facts: &Facts) -> Option<RefundId> {
        self.mark.filter(|mark| facts.refunds.get(*mark).is_none())
    }

    /// A new row for a refund that was made at the provider, if the observation is of such a refund.
    fn adopted(&self, facts: &Facts, payment: &Payment, now: Timestamp) -> Option<Refund> {
        let RefundOutcome::Seen(seen) = &self.outcome else { return None };
        if self.refund != RefundId::at_provider(payment.account, &seen.object) {
            return None;
        }
        let lost = self.lost(facts);
        Some(Refund {
            id: lost.unwrap_or(self.refund),
            tenant: payment.tenant,
            payment: payment.id,
            booking: payment.booking,
            amount_minor: seen.amount_minor,
            currency: payment.currency,
            external: lost.is_none(),
            reason: None,
            metadata: Json(BTreeMap::new()),
            key: None,
            state: CurrentState::start(),
            seq: 0,
            provider_ref: Some(seen.object.clone()),
            failure: None,
            created_at: now,
            updated_at: now,
        })
    }

    fn settle_attempt(&self, draft: &mut Draft<'_>, facts: &Facts, refund: &Refund) {
        let Some(attempt) = facts.attempts.get(AttemptId::from(self.refund)) else { return };
        let Some(ends) = Ends::of(attempt) else { return };
        let step = match *refund.state {
            State::Pending | State::Succeeded => ends.succeed,
            State::Failed => ends.decline,
            State::Created | State::Unknown | State::Review | State::WrittenOff => return,
        };
        let answer = match &refund.failure {
            Some(Json(failure)) if refund.state.is(State::Failed) => {
                let id = refund.id.0;
                Err(failed(id, failure, |code| Refusal::RefundFailed { refund: id, code }))
            }
            _ => Ok(Reply::Refund(Box::new(refund.clone()))),
        };
        draft.answer(attempt.key, answer);
        let settled = Attempt {
            state: step.to(),
            failure: refund.failure.clone(),
            updated_at: draft.context.now,
            ..attempt.clone()
        };
        close_case(draft, facts, attempt, &settled);
        draft.put(settled);
    }

    fn settle_job(&self, draft: &mut Draft<'_>, facts: &Facts, refund: &Refund) {
        let job = facts.jobs.get(JobId::from(AttemptId::from(self.refund))).and_then(OpenJob::of);
        let Some(job) = job else { return };
        let now = draft.context.now;
        let after = if matches!(*refund.state, State::Succeeded | State::Failed) {
            // A dead job as well: its outcome is known, so it needs no person.
            job.finished(now)
        } else if job.state.is(job::State::Dead) && refund.state.is(State::Pending) {
            job.rechecked(self.recheck.first, None, now)
        } else if matches!(self.by, ObservedBy::Job { .. }) {
            job.rechecked(self.recheck.pause(job.looks), None, now)
        } else {
            return;
        };
        draft.put(after);
    }
}

impl SettleRefund {
    /// Opens a review case, books the money of the contradiction to suspense, and stops the worker's job.
    fn contradict(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        refund: &mut Refund,
        payment: &mut Payment,
        source: &CheckedSource<'_>,
        why: &str,
    ) {
        payment.contradicted_at = Some(draft.context.now);
        if let RefundOutcome::Seen(seen) = &self.outcome
            && seen.status == RefundStatus::Succeeded
        {
            let movement = format!("refund.contradicted/{}/{}", refund.id, seen.object);
            let moved = Money::new(seen.amount_minor, seen.currency);
            append_refund_movement(
                draft,
                refund,
                payment,
                "refund.contradicted",
                &movement,
                moved,
                LeavesRevenue::default(),
            );
        }
        let open = facts.attempts.get(AttemptId::from(self.refund));
        let mut open = open.filter(|attempt| !attempt.state.is_final()).cloned();
        let (case, why) = (about_refund(refund), why.to_owned());
        let CheckedSource::Job(held) = source else {
            draft.review(case, CONTRADICTS, why);
            return;
        };
        match &mut open {
            Some(attempt) if matches!(*attempt.state, attempt::State::Sent | attempt::State::Unknown) => {
                draft.review_attempt(attempt.id, case, CONTRADICTS, why.clone());
                give_up(draft, attempt, &mut Some(refund), payment);
                draft.put(attempt.clone());
            }
            _ => draft.review(case, CONTRADICTS, why.clone()),
        }
        give_up_job(draft, held.job.clone(), held.give_up, why);
    }
}

impl SettleRefund {
    /// Takes the step, and counts the money that it moves.
    fn step(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        payment: &mut Payment,
        refund: &mut Refund,
        step: Step<State>,
    ) {
        let before = step.from();
        refund.state = draft.step(about_refund(refund), step);
        refund.failure = self.failure().cloned().map(Json).or(refund.failure.take());
        refund.updated_at = draft.context.now;
        if let RefundOutcome::Seen(seen) = &self.outcome {
            refund.provider_ref = Some(seen.object.clone());
        }
        let mut booking = payment.booking.and_then(|id| facts.bookings.get(id)).cloned();
        count(draft, payment, booking.as_mut(), refund, before);
        payment.updated_at = draft.context.now;
        let kind = message(before, *refund.state);
        match kind {
            "refund.reversed" => {
                let why = "the provider sent a refund back".to_owned();
                draft.review(about(payment), "refund_failed_after_it_succeeded", why);
            }
            "refund.succeeded" if before == State::WrittenOff => {
                let why = "it was made after all, and its sum may have been given back otherwise".to_owned();
                draft.review(about_refund(refund), "refund_succeeded_after_it_was_written_off", why);
            }
            "refund.failed" if !refund.external => review_if_unasked(draft, payment, refund),
            _ => {}
        }
        // A move that brings no money back and takes none changes no revenue.
        let minor = match kind {
            "refund.succeeded" => refund.amount_minor,
            "refund.reversed" => -refund.amount_minor,
            _ => 0,
        };
        let leaves = LeavesRevenue::counted(facts, booking.as_mut(), refund, minor);
        let movement = format!("{kind}/{}", refund.id);
        let moved = Money::new(refund.amount_minor, refund.currency);
        append_refund_movement(draft, refund, payment, kind, &movement, moved, leaves);
        if let Some(booking) = booking {
            draft.put(booking);
        }
    }
}

/// Whether the refund's sum is kept from other refunds.
fn is_open(state: State) -> bool {
    matches!(state, State::Created | State::Pending | State::Unknown | State::Review)
}

/// Changes the sums of the payment and of its booking after a move.
pub(super) fn count(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    booking: Option<&mut Booking>,
    refund: &Refund,
    from: State,
) {
    let (to, amount_minor) = (*refund.state, refund.amount_minor);
    if is_open(from) && !is_open(to) {
        payment.release_refund(amount_minor);
    }
    let (kind, sign) = match (from, to) {
        (from, State::Succeeded) if from != State::Succeeded => (MovementKind::Refund, 1),
        (State::Succeeded, State::Failed) => (MovementKind::RefundReversal, -1),
        _ => return,
    };
    let object = refund.provider_ref.as_deref().unwrap_or_default();
    record(draft, payment, &MoneyMoved { kind, object, refund: Some(refund.id), amount_minor });
    payment.booked_refunded_minor += sign * amount_minor;
    if let Some(booking) = booking {
        booking.refunded_minor += sign * amount_minor;
    }
}

impl Command for SettleRefund {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let attempt = AttemptId::from(self.refund);
        self.by.needs(rows);
        rows.job(JobId::from(attempt));
        let attempt = rows.attempt(attempt);
        if let Some(attempt) = attempt {
            needs_case(rows, attempt);
        }
        rows.refund(self.refund);
        for kind in [MovementKind::Refund, SuspenseReturn, SuspenseReturnReversal] {
            if let Some(moved) = self.movement(kind) {
                rows.movement(moved);
            }
        }
        if let Some(mark) = self.mark {
            rows.refund(mark);
        }
        rows.review(ReviewId::of_refund(self.refund));
        let payment = rows.payment(self.payment)?;
        if let Some(booking) = payment.booking {
            needs_of_refunded(rows, booking);
        }
        if let Some(key) = attempt.and_then(|attempt| attempt.key) {
            rows.key(key);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let before = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let source = self.by.check(facts, before)?;
        let known = self.known(facts);
        let mut refund = match known {
            Some(refund) => refund.clone(),
            None => self.adopted(facts, before, context.now).ok_or(Refusal::RefundNotFound)?,
        };
        let in_suspense = known.is_none() && self.is_out_of_suspense(facts, before);
        if known.is_none() && !in_suspense && !before.state.is(payment::State::Captured) {
            return Err(Refusal::PaymentIsBehind);
        }
        if known.is_none() && self.may_be_ours && before.refunding_minor > 0 {
            return Err(Refusal::PaymentIsBehind);
        }
        if known.is_none() && !in_suspense && self.is_recorded(facts, MovementKind::Refund) {
            return Err(Refusal::PaymentIsBehind);
        }
        // Nothing can fail from here on.

        let origin = self.by.origin();
        let mut draft = Draft::new(context, &origin);
        let mut payment = before.clone();
        if in_suspense {
            let closing = self.settle_out_of_suspense(&mut draft, facts, &mut payment);
            if payment != *before {
                draft.put(payment);
            }
            source.close(&mut draft, closing);
            return Ok(draft.done());
        }
        let mut closing = Closing::processed(None);
        let mut stopped = false;
        match self.step_of(&refund, &payment) {
            Err(why) if known.is_none() => {
                self.return_too_much(&mut draft, facts, &mut payment, &why);
                draft.put(payment);
                source.close(&mut draft, Closing::processed(Some(why)));
                return Ok(draft.done());
            }
            Err(why) => {
                self.contradict(&mut draft, facts, &mut refund, &mut payment, &source, &why);
                closing.outcome = Some(why);
                stopped = true;
            }
            Ok(None) => closing = Closing::stale(),
            Ok(Some(step)) => {
                if known.is_none() {
                    payment.reserve_refund(refund.amount_minor);
                    payment.refunds += 1;
                    self.release_suspense(&mut draft, facts, &mut payment, &refund);
                    draft.audit(about_refund(&refund), "refund_seen_at_provider", None, Some("created"));
                    if let Some(mark) = self.mark.filter(|mark| *mark != refund.id) {
                        let why = format!("it is made once more, with the mark of {mark}");
                        draft.review(about_refund(&refund), CONTRADICTS, why);
                    }
                }
                self.step(&mut draft, facts, &mut payment, &mut refund, step);
            }
        }
        if !stopped {
            self.settle_attempt(&mut draft, facts, &refund);
            self.settle_job(&mut draft, facts, &refund);
        }
        if payment != *before {
            draft.put(payment);
        }
        if known != Some(&refund) {
            draft.put(refund);
        }
        source.close(&mut draft, closing);
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
