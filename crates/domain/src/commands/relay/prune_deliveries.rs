//! Prune receipts, later than their messages: without its receipt a repeated message would have its
//! effect again.

use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::ids::{InboxId, TenantId};
use crate::lifecycle::delivery;
use crate::reply::Reply;
use crate::rows::{Actor, Delivery, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// Deletes the receipts of deleted messages. While one consumer's delivery is dead or waits, its
/// message is not received, so the message and the receipts of the other consumers stay.
#[derive(Clone, Debug)]
pub struct PruneDeliveries {
    /// At most [`crate::limits::IDS_PER_COMMAND_MAX`].
    pub deliveries: Vec<InboxId>,
    /// The retention after the receipt, longer than the message's.
    pub kept: Span,
}

impl Command for PruneDeliveries {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let mut complete = Some(());
        for delivery in &self.deliveries {
            match rows.delivery(*delivery) {
                Some(delivery) => _ = rows.message(delivery.message),
                None => complete = None,
            }
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let received_before = context.now.minus(self.kept);
        let mut pruned = 0;
        for delivery in self.deliveries.iter().filter_map(|id| facts.inbox.get(*id)) {
            let over = matches!(*delivery.state, delivery::State::Received | delivery::State::Discarded)
                && delivery.updated_at < received_before;
            let early = fault_injection::is(fault_injection::InjectedFault::ReceiptsPrunedEarly);
            if over && (early || facts.outbox.get(delivery.message).is_none()) {
                pruned += 1;
                draft.remove::<Delivery>(delivery.id);
            }
        }
        Ok(draft.reply(Reply::Swept(pruned)))
    }
}
