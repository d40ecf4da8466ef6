//! Record an event that a provider sent, before it is processed.

use alloc::string::String;
use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::ids::{AccountId, EventId, TenantId};
use crate::lifecycle::CurrentState;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, InboundEvent, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// Stores a verified event, once however often it is delivered.
#[derive(Clone, Debug)]
pub struct RecordEvent {
    pub tenant: TenantId,
    pub account: AccountId,
    /// The provider's id of the event.
    pub name: String,
    pub kind: String,
    pub body: Vec<u8>,
}

impl RecordEvent {
    pub fn id(&self) -> EventId {
        EventId::of(self.account, &self.name)
    }
}

impl Command for RecordEvent {
    /// The tenant, so that many events of one tenant do not delay those of the others.
    fn tenant(&self) -> Option<TenantId> {
        (!fault_injection::is(fault_injection::InjectedFault::EventsInNoLane)).then_some(self.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.id());
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        if facts.inbound_events.get(self.id()).is_some() {
            return Err(Refusal::NothingToDo);
        }
        let origin = Origin::of(Actor::Webhook);
        let mut draft = Draft::new(context, &origin);
        draft.put(InboundEvent {
            id: self.id(),
            tenant: self.tenant,
            account: self.account,
            name: self.name.clone(),
            kind: self.kind.clone(),
            body: self.body.clone(),
            state: CurrentState::start(),
            attempts: 0,
            outcome: None,
            received_at: context.now,
            processed_at: None,
        });
        Ok(draft.done())
    }
}
