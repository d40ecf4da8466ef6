//! Discard a dead letter: nothing more is tried.
//!
//! If the attempt of a job is in review, this decision ends the operation: the attempt is written off, the
//! booking is free for another payment, and the idempotency key gets its reply. Where the money is stays
//! unknown. If the provider moved it and reports that later, the report is a contradiction: the money is
//! booked to suspense, a review case is opened, and a person returns the money at the provider. A capture
//! whose amount the provider contradicts then counts with the provider's amount. The sum of a refund that is
//! written off can be refunded again. If the provider made that refund and reports it later, it counts, and a
//! review case is opened.

use super::{DeadLetterRef, Decided, about_event, shown, step_of_dead};
use crate::commands::delivery;
use crate::commands::draft::Draft;
use crate::ids::{EventId, InboxId, JobId, TenantId};
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
        // Only a newer version knows which other rows end with a job of another kind.
        let kind = self.0.kinds.get(&job.kind);
        let kind = kind.ok_or_else(|| Refusal::of_state(job.state, job::Event::Finish))?;
        kind.rules.discard(draft, facts, job, &self.0.why)
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
        let job = rows.job(id)?;
        self.0.kinds.get(&job.kind).map_or(Some(()), |kind| kind.rules.needs_of_discard(rows, job))
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
