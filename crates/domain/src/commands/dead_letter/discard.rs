//! Discard a dead letter: nothing more is tried.
//!
//! Of a job whose attempt is in review this is the end of the operation, on a person's word: the
//! attempt is written off, the booking is free for another payment, and whoever still waits is answered.
//! It says nothing about the money. If the provider did move it, and tells so later, that contradicts:
//! the money is booked to suspense, a review case says so, and a person sends it back at the provider.
//! A capture whose amount the provider contradicts counts then as the provider has it.
//! A refund that is written off gives its sum free to be asked back again. If the provider did make it, and
//! tells so later, it counts, and a review case says so.

use super::{DeadLetterRef, Decided, about_event, about_job, shown, step_of_dead};
use crate::commands::delivery;
use crate::commands::draft::Draft;
use crate::commands::jobs::{AfterEnd, after_end};
use crate::commands::payment::{discard, needs_of_discard};
use crate::ids::{AttemptId, EventId, InboxId, JobId, TenantId};
use crate::lifecycle::{delivery as delivery_lifecycle, inbound_event, job};
use crate::refusal::Refusal;
use crate::reply::DeadLetter;
use crate::rows::{Delivery, Facts, InboundEvent, Needs};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct DiscardDeadLetter(pub Decided);

impl DiscardDeadLetter {
    fn job(&self, draft: &mut Draft<'_>, facts: &Facts, id: JobId) -> Result<DeadLetter, Refusal> {
        let job = self.0.job(facts, id)?;
        step_of_dead(job.state, job::State::Dead, job::Event::Finish)?;
        let attempt = facts.attempts.get(AttemptId::from(id)).ok_or(Refusal::DeadLetterNotFound)?;
        let payment = facts.payments.get(attempt.payment).ok_or(Refusal::PaymentNotFound)?;
        let AfterEnd { step, job: after } = after_end(job, attempt, payment, draft.context.now)
            .ok_or_else(|| Refusal::of_state(job.state, job::Event::Finish))?;
        // Nothing can fail from here on.

        draft.step(about_job(job), step);
        draft.put(after.clone());
        let attempt = discard(draft, facts, attempt, payment, &self.0.why);
        Ok(DeadLetter::Job { job: after, attempt })
    }

    fn event(&self, draft: &mut Draft<'_>, facts: &Facts, id: EventId) -> Result<DeadLetter, Refusal> {
        let event = self.0.event(facts, id)?;
        let step = step_of_dead(event.state, inbound_event::State::Dead, inbound_event::Event::Ignore)?;
        let event = InboundEvent {
            state: draft.step(about_event(event), step),
            processed_at: Some(draft.context.now),
            ..event.clone()
        };
        draft.put(event.clone());
        Ok(DeadLetter::Event(event))
    }

    fn delivery(&self, draft: &mut Draft<'_>, facts: &Facts, id: InboxId) -> Result<DeadLetter, Refusal> {
        let (delivery, message) = self.0.delivery(facts, id)?;
        let event = delivery_lifecycle::Event::Discard;
        let step = step_of_dead(delivery.state, delivery_lifecycle::State::Dead, event)?;
        let delivery = Delivery {
            state: draft.step(delivery::about(delivery), step),
            updated_at: draft.context.now,
            ..delivery.clone()
        };
        draft.put(delivery.clone());
        Ok(DeadLetter::Message { delivery, message: message.clone() })
    }
}

impl Command for DiscardDeadLetter {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.0.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.0.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        self.0.needs_letter(rows)?;
        let DeadLetterRef::Job(id) = self.0.letter else { return Some(()) };
        needs_of_discard(rows, AttemptId::from(id))
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = self.0.origin();
        let mut draft = Draft::new(context, &origin);
        let letter = match self.0.letter {
            DeadLetterRef::Job(id) => self.job(&mut draft, facts, id)?,
            DeadLetterRef::Event(id) => self.event(&mut draft, facts, id)?,
            DeadLetterRef::Message(id) => self.delivery(&mut draft, facts, id)?,
        };
        Ok(draft.reply(shown(letter)))
    }
}
