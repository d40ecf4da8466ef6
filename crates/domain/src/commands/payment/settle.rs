//! Settle: a worker or a webhook tells what the provider's object of a payment is now.
//!
//! The heart of the payment path. One transaction moves the payment, its open attempts, its booking
//! and seats, answers the waiting idempotency keys, finishes or puts off the job, and marks the
//! event. It may come twice, late, out of order, and from two sides at once: what it finds settled
//! it leaves alone.

use alloc::borrow::ToOwned;

use super::answer::settle_attempt;
use super::book::book;
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

/// Who brings an observation.
#[derive(Clone, Copy, Debug)]
pub enum ObservedBy {
    /// The driver of an attempt, under its job's token.
    Job {
        job: JobId,
        token: i64,
    },
    Event(EventId),
}

impl ObservedBy {
    pub(super) fn origin(self) -> Origin {
        Origin::of(match self {
            ObservedBy::Job { .. } => Actor::Worker,
            ObservedBy::Event(_) => Actor::Webhook,
        })
    }

    /// Refuses a worker that lost its lease, an event that was processed before, and one that came
    /// by another account than the payment's: what it names is not its own.
    pub(super) fn check<'f>(self, facts: &'f Facts, payment: &Payment) -> Result<Bringer<'f>, Refusal> {
        match self {
            ObservedBy::Job { job, token } => held(facts, job, token).map(Bringer::Job),
            ObservedBy::Event(event) => {
                let open = events::open(facts, event)?;
                let is_own = open.event.account == payment.account;
                is_own.then_some(Bringer::Event(open)).ok_or(Refusal::PaymentNotFound)
            }
        }
    }
}

/// Whoever brings an observation and may: a job under its lease, or an event that is open.
pub(super) enum Bringer<'f> {
    Job(HeldJob<'f>),
    Event(OpenEvent<'f>),
}

impl Bringer<'_> {
    /// Marks the event; a job is not marked.
    pub fn close(&self, draft: &mut Draft<'_>, closing: Closing) {
        if let Bringer::Event(open) = self {
            open.close(draft, closing);
        }
    }
}

#[derive(Clone, Debug)]
pub struct Settle {
    pub by: ObservedBy,
    pub payment: PaymentId,
    /// The attempt that the driver works on; of an event, the charge.
    pub attempt: AttemptId,
    pub observation: Observation,
    pub source: Source,
    /// Why the provider turned this call down.
    pub refused: Option<Failure>,
    pub look_again: RecheckDelays,
    /// How long an operation may be without an outcome: of money that goes back because its booking cannot take it.
    pub deadline: Span,
}

impl Settle {
    fn charge(&self) -> AttemptId {
        AttemptId::from(self.payment)
    }

    /// Settles the driver's attempt and the charge, if they are open.
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

    /// A job ends when its attempt is settled and the payment's end is known from evidence. The
    /// driver's own job is otherwise put off, to look again; a stranger's is left alone. What it comes
    /// back for was planned: whatever error was before this answer makes no retry of it.
    fn settle_job(&self, draft: &mut Draft<'_>, facts: &Facts, payment: &Payment, attempt: &Attempt) {
        let Some(job) = facts.jobs.get(JobId::from(attempt.id)).and_then(OpenJob::of) else { return };
        let now = draft.context.now;
        let nothing_moved = payment.state.rank() >= payment::State::Captured.rank()
            && !payment.state.is(payment::State::Captured);
        let after = if attempt.state.is_final() && (payment.evidenced || nothing_moved) {
            // Also one that is dead: what killed it has settled itself, and no person has to see to it.
            job.finished(now)
        } else if job.state.is(job::State::Dead) && attempt.state.is_final() {
            // Its call has an outcome after all: the job looks for evidence, and no person has to see to it.
            job.rechecked(self.look_again.first, None, now)
        } else if matches!(self.by, ObservedBy::Job { job: own, .. } if own == job.id) {
            let by = self.evidence_needed_by(facts, payment, now);
            job.rechecked(self.look_again.pause(job.looks), by, now)
        } else if matches!(self.observation.status, ProviderStatus::Declined(_))
            && job.state.is(job::State::Ready)
        {
            // Its driver ends what was declined, so that the customer can try again at once.
            Job { state: job.again.to(), due_at: now, last_error: None, updated_at: now, ..job.clone() }
        } else {
            return;
        };
        draft.put(after);
    }

    /// A hold whose payment may be paid already is looked at by its end.
    fn evidence_needed_by(&self, facts: &Facts, payment: &Payment, now: Timestamp) -> Option<Timestamp> {
        let booking = payment.booking.and_then(|id| facts.bookings.get(id))?;
        let soonest = now.plus(self.look_again.first);
        booking.state.is(booking::State::Held).then(|| booking.hold_expires_at.max(soonest))
    }

    fn open_attempt<'f>(&self, facts: &'f Facts) -> Option<&'f Attempt> {
        facts.attempts.get(self.attempt).filter(|attempt| !attempt.state.is_final())
    }

    /// The attempt that goes to a person with a contradiction that its driver met.
    fn handed_over(&self, facts: &Facts) -> Option<AttemptId> {
        let sent =
            |attempt: &&Attempt| matches!(*attempt.state, attempt::State::Sent | attempt::State::Unknown);
        let driven = matches!(self.by, ObservedBy::Job { .. });
        self.open_attempt(facts).filter(|_| driven).filter(sent).map(|attempt| attempt.id)
    }

    /// The job of a contradicted payment stops: a person decides.
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
        if let ObservedBy::Event(event) = self.by {
            rows.inbound_event(event);
        }
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
        let bringer = self.by.check(facts, before)?;
        // Nothing can fail from here on.

        let origin = self.by.origin();
        let mut draft = Draft::new(context, &origin);
        let mut payment = before.clone();
        let verdict = observe(&mut draft, &mut payment, &self.observation, self.source);
        let mut closing = Closing::processed(None);
        match verdict {
            ObservationResult::Contradicts(why) => {
                closing.outcome = Some(why.clone());
                let handed_over = self.handed_over(facts);
                contradict(&mut draft, &mut payment, &self.observation, why.clone(), handed_over);
                if let Bringer::Job(held) = &bringer {
                    self.stop_job(&mut draft, facts, &payment, held, &why);
                }
            }
            ObservationResult::Stale | ObservationResult::Agrees => {
                if verdict == ObservationResult::Stale {
                    closing = Closing::stale();
                }
                book(&mut draft, facts, &mut payment, self.source, self.deadline);
                self.settle_attempts(&mut draft, facts, &mut payment);
            }
        }
        if payment != *before {
            payment.updated_at = context.now;
            draft.put(payment);
        }
        bringer.close(&mut draft, closing);
        Ok(draft.done())
    }
}
