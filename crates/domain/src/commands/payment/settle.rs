//! Settle: a worker or a webhook submits its observation of the provider's object of a payment.
//!
//! One transaction moves the payment, its open attempts, its booking and seats, answers the idempotency keys
//! that are in flight, finishes or reschedules the job, and marks the event. The command may be repeated,
//! late, out of order, or concurrent with another: rows that are settled stay as they are.

use alloc::borrow::ToOwned;

use super::answer::settle_attempt;
use super::book::book;
use super::check_authorizations::plan_check;
use super::continue_payment::continue_payment;
use super::give_up::{close_case, give_up, needs_case};
use super::observe::{ObservationResult, contradict, observe};
use crate::commands::booking::Seats;
use crate::commands::draft::{Draft, Origin};
use crate::commands::events::{self, Closing, OpenEvent};
use crate::commands::jobs::{HeldJob, OpenJob, RecheckDelays, give_up_job, held};
use crate::ids::{AttemptId, EventId, JobId, PaymentId, TenantId};
use crate::lifecycle::{State as _, attempt, booking, job, payment};
use crate::provider::{Observation, ProviderStatus, Source};
use crate::refusal::Refusal;
use crate::rows::{Actor, Attempt, Facts, Failure, Job, Needs, Payment};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

/// Who submits an observation.
#[derive(Clone, Copy, Debug)]
pub enum ObservedBy {
    /// The driver of an attempt, or a look-up, under its job's token.
    Job {
        job: JobId,
        token: i64,
    },
    Event(EventId),
    /// A job that looks objects of an account up and drives no attempt, under its token.
    LookUp {
        job: JobId,
        token: i64,
    },
}

impl ObservedBy {
    pub(super) fn origin(self) -> Origin {
        Origin::of(match self {
            ObservedBy::Job { .. } | ObservedBy::LookUp { .. } => Actor::Worker,
            ObservedBy::Event(_) => Actor::Webhook,
        })
    }

    /// Requests the rows of the source. The job of an attempt is requested with the attempt.
    pub(super) fn needs(self, rows: &mut Needs<'_>) {
        match self {
            ObservedBy::Job { .. } => {}
            ObservedBy::Event(event) => _ = rows.inbound_event(event),
            ObservedBy::LookUp { job, .. } => _ = rows.job(job),
        }
    }

    /// Refuses a worker that lost its lease, an event that was processed before, and an event or a look-up of
    /// another account than the payment's.
    pub(super) fn check<'f>(self, facts: &'f Facts, payment: &Payment) -> Result<CheckedSource<'f>, Refusal> {
        match self {
            ObservedBy::Job { job, token } => held(facts, job, token).map(CheckedSource::Job),
            ObservedBy::LookUp { job, token } => {
                let held = held(facts, job, token)?;
                let is_own = held.job.concurrency_key == Some(payment.account.0);
                is_own.then_some(CheckedSource::LookUp).ok_or(Refusal::PaymentNotFound)
            }
            ObservedBy::Event(event) => {
                let open = events::open(facts, event)?;
                let is_own = open.event.account == payment.account;
                is_own.then_some(CheckedSource::Event(open)).ok_or(Refusal::PaymentNotFound)
            }
        }
    }
}

/// The checked source of an observation: a job under its lease, an event that is not processed yet, or a
/// look-up of the payment's account.
pub(super) enum CheckedSource<'f> {
    Job(HeldJob<'f>),
    Event(OpenEvent<'f>),
    LookUp,
}

impl CheckedSource<'_> {
    /// Marks the event; a job is not marked.
    pub fn close(&self, draft: &mut Draft<'_>, closing: Closing) {
        if let CheckedSource::Event(open) = self {
            open.close(draft, closing);
        }
    }
}

#[derive(Clone, Debug)]
pub struct Settle {
    pub by: ObservedBy,
    pub payment: PaymentId,
    /// The attempt of the worker's job. For an event, the charge.
    pub attempt: AttemptId,
    pub observation: Observation,
    pub source: Source,
    /// Why the provider refused this call.
    pub refused: Option<Failure>,
    pub recheck: RecheckDelays,
    /// The longest time without a definite outcome, for the return of money that the booking cannot take.
    pub deadline: Span,
}

impl Settle {
    fn charge(&self) -> AttemptId {
        AttemptId::from(self.payment)
    }

    /// Settles the attempt and the charge, if they are open.
    fn settle_attempts(&self, draft: &mut Draft<'_>, facts: &Facts, payment: &mut Payment) {
        for id in [Some(self.attempt), (self.attempt != self.charge()).then(|| self.charge())] {
            let Some(before) = id.and_then(|id| facts.attempts.get(id)) else { continue };
            let mut attempt = before.clone();
            let refused = self.refused.as_ref().filter(|_| attempt.id == self.attempt);
            settle_attempt(draft, &mut attempt, payment, refused);
            close_case(draft, facts, before, &attempt);
            self.settle_job(draft, facts, payment, &attempt);
            if attempt != *before {
                draft.put(attempt);
            }
        }
    }

    /// A job ends when its attempt is settled and the payment's outcome is known from evidence. Otherwise the
    /// worker's own job is rescheduled for a recheck, and another job stays as it is.
    fn settle_job(&self, draft: &mut Draft<'_>, facts: &Facts, payment: &Payment, attempt: &Attempt) {
        let Some(job) = facts.jobs.get(JobId::from(attempt.id)).and_then(OpenJob::of) else { return };
        let now = draft.context.now;
        let nothing_moved = payment.state.rank() >= payment::State::Captured.rank()
            && !payment.state.is(payment::State::Captured);
        let after = if attempt.state.is_final() && (payment.evidenced || nothing_moved) {
            // A dead job as well: its outcome is known, so it needs no person.
            job.finished(now)
        } else if job.state.is(job::State::Dead) && attempt.state.is_final() {
            // The call has an outcome, so the job needs no person: it waits for evidence.
            job.rechecked(self.recheck.first, None, now)
        } else if matches!(self.by, ObservedBy::Job { job: own, .. } if own == job.id) {
            let ends = [self.evidence_needed_by(facts, payment, now), self.must_end_by(payment, now)];
            let by = ends.into_iter().flatten().min();
            job.rechecked(self.recheck.pause(job.looks), by, now)
        } else if matches!(self.observation.status, ProviderStatus::Declined(_))
            && !payment.is_confirmed_by_customer()
            && job.state.is(job::State::Ready)
        {
            // The worker cancels the declined object now, so that the customer can try again at once.
            Job { state: job.again.to(), due_at: now, last_error: None, updated_at: now, ..job.clone() }
        } else {
            return;
        };
        draft.put(after);
    }

    /// The end of a hold, and the end of the time to pay: by then the object is fetched, because it may be
    /// paid already, or must be ended.
    fn evidence_needed_by(&self, facts: &Facts, payment: &Payment, now: Timestamp) -> Option<Timestamp> {
        let booking = payment.booking.and_then(|id| facts.bookings.get(id));
        let held = booking.filter(|booking| booking.state.is(booking::State::Held));
        let soonest = now.plus(self.recheck.first);
        let hold_ends = held.map(|booking| booking.hold_expires_at.max(soonest));
        let time_ends = payment.payable_until().filter(|until| *until > now);
        hold_ends.into_iter().chain(time_ends).min()
    }

    /// When the customer's time is over, and an object that still waits is cancelled.
    fn must_end_by(&self, payment: &Payment, now: Timestamp) -> Option<Timestamp> {
        let until = payment.payable_until().filter(|_| payment.state.is(payment::State::Pending))?;
        Some(if until > now { until } else { now.plus(self.recheck.first) })
    }

    fn open_attempt<'f>(&self, facts: &'f Facts) -> Option<&'f Attempt> {
        facts.attempts.get(self.attempt).filter(|attempt| !attempt.state.is_final())
    }

    /// The attempt that goes to a person with the contradiction that its worker found.
    fn attempt_for_review(&self, facts: &Facts) -> Option<AttemptId> {
        let sent =
            |attempt: &&Attempt| matches!(*attempt.state, attempt::State::Sent | attempt::State::Unknown);
        let driven = matches!(self.by, ObservedBy::Job { .. });
        self.open_attempt(facts).filter(|_| driven).filter(sent).map(|attempt| attempt.id)
    }

    /// Stops the job of a contradicted payment: a person decides.
    fn stop_job(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        payment: &Payment,
        held: &HeldJob<'_>,
        why: &str,
    ) {
        if let Some(mut attempt) = self.open_attempt(facts).cloned() {
            give_up(draft, &mut attempt, &mut None, payment);
            draft.put(attempt);
        }
        give_up_job(draft, held.job.clone(), held.give_up, why.to_owned());
    }
}

impl Command for Settle {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        self.by.needs(rows);
        rows.job(JobId::from(self.attempt));
        rows.job(JobId::from(self.charge()));
        let own = rows.attempt(self.attempt);
        let charge = rows.attempt(self.charge());
        for attempt in [own, charge].into_iter().flatten() {
            needs_case(rows, attempt);
        }
        let payment = rows.payment(self.payment)?;
        if let Some(booking) = payment.booking {
            Seats::needs(rows, booking)?;
        }
        for key in [own, charge].into_iter().flatten().filter_map(|attempt| attempt.key) {
            rows.key(key);
        }
        rows.tenant(payment.tenant);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let before = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let source = self.by.check(facts, before)?;
        // Nothing can fail from here on.

        let origin = self.by.origin();
        let mut draft = Draft::new(context, &origin);
        let mut payment = before.clone();
        let verdict = observe(&mut draft, &mut payment, &self.observation, self.source);
        let mut closing = Closing::processed(None);
        match verdict {
            ObservationResult::Contradicts(why) => {
                closing.outcome = Some(why.clone());
                let attempt = self.attempt_for_review(facts);
                contradict(&mut draft, &mut payment, &self.observation, why.clone(), attempt);
                if let CheckedSource::Job(held) = &source {
                    self.stop_job(&mut draft, facts, &payment, held, &why);
                }
            }
            ObservationResult::Stale | ObservationResult::Agrees => {
                if verdict == ObservationResult::Stale {
                    closing = Closing::stale();
                }
                if !before.state.is_final() {
                    continue_payment(&mut draft, facts, facts.attempts.get(self.charge()), &mut payment);
                }
                plan_check(&mut payment, &self.observation, context.now);
                book(&mut draft, facts, &mut payment, self.source, self.deadline);
                self.settle_attempts(&mut draft, facts, &mut payment);
            }
        }
        if payment != *before {
            payment.updated_at = context.now;
            draft.put(payment);
        }
        source.close(&mut draft, closing);
        Ok(draft.done())
    }
}
