//! Retry a dead letter.

use super::{DeadLetterRef, Decided, about_event, shown, step_of_dead};
use crate::commands::draft::Draft;
use crate::commands::{delivery, jobs};
use crate::ids::{EventId, InboxId, JobId, TenantId};
use crate::lifecycle::{delivery as delivery_lifecycle, inbound_event, job};
use crate::refusal::Refusal;
use crate::reply::DeadLetter;
use crate::rows::{Delivery, Facts, InboundEvent, Job, Needs};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct RetryDeadLetter(pub Decided);

impl RetryDeadLetter {
    /// Only an attempt that was provably never sent is sent. For an attempt in review the job fetches the
    /// outcome: [`crate::commands::MarkSent`] refuses to send it.
    fn job(&self, draft: &mut Draft<'_>, facts: &Facts, id: JobId) -> Result<DeadLetter, Refusal> {
        let job = self.0.job(facts, id)?;
        let step = step_of_dead(job.state, job::State::Dead, job::Event::Revive)?;
        let attempt = job.attempt().and_then(|id| facts.attempts.get(id)).cloned();
        let job = Job {
            state: draft.step(jobs::about(job), step),
            worker: None,
            lease_until: None,
            due_at: draft.context.now,
            attempts: 0,
            failures: 0,
            looks: 0,
            updated_at: draft.context.now,
            ..job.clone()
        };
        draft.put(job.clone());
        Ok(DeadLetter::Job { job, attempt })
    }

    fn event(&self, draft: &mut Draft<'_>, facts: &Facts, id: EventId) -> Result<DeadLetter, Refusal> {
        let event = self.0.event(facts, id)?;
        let step = step_of_dead(event.state, inbound_event::State::Dead, inbound_event::Event::Retry)?;
        let event = InboundEvent {
            state: draft.step(about_event(event), step),
            attempts: 0,
            processed_at: None,
            ..event.clone()
        };
        draft.put(event.clone());
        Ok(DeadLetter::Event(event))
    }

    /// The delivery is due at once, and the sweep starts it.
    fn delivery(&self, draft: &mut Draft<'_>, facts: &Facts, id: InboxId) -> Result<DeadLetter, Refusal> {
        let (delivery, message) = self.0.delivery(facts, id)?;
        let event = delivery_lifecycle::Event::Retry;
        let step = step_of_dead(delivery.state, delivery_lifecycle::State::Dead, event)?;
        let delivery = Delivery {
            state: draft.step(delivery::about(delivery), step),
            attempts: 0,
            due_at: Some(draft.context.now),
            updated_at: draft.context.now,
            ..delivery.clone()
        };
        draft.put(delivery.clone());
        Ok(DeadLetter::Message { delivery, message: message.clone() })
    }
}

impl Command for RetryDeadLetter {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.0.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.0.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        self.0.needs_letter(rows)
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
