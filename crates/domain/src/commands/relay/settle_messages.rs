//! Settle messages: the sweep holds what was published against the receipts. A broker's word is not
//! proof, a receipt is.

use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::consumers;
use crate::ids::{InboxId, MessageId, TenantId};
use crate::lifecycle::delivery;
use crate::reply::Reply;
use crate::rows::{Actor, Delivery, Facts, Message, Needs};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, Decision};

/// Marks messages as received whose receipts are all there, and answers which must be published again.
#[derive(Clone, Debug)]
pub struct SettleMessages {
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`].
    pub messages: Vec<MessageId>,
    /// What was published since may still be on its way.
    pub published_before: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Receipt {
    There,
    /// On its way, waiting for its next try, or for a person.
    Waits,
    Wanted,
}

impl SettleMessages {
    fn receipt(&self, message: &Message, delivery: Option<&Delivery>, now: Timestamp) -> Receipt {
        let lost = message.published_at.is_some_and(|at| at < self.published_before);
        match delivery.map(|delivery| (*delivery.state, delivery.due_at)) {
            None if lost => Receipt::Wanted,
            Some((delivery::State::Waiting, due_at)) if due_at.is_none_or(|due_at| due_at <= now) => {
                Receipt::Wanted
            }
            Some((delivery::State::Received | delivery::State::Discarded, _)) => Receipt::There,
            None | Some((delivery::State::Waiting | delivery::State::Dead, _)) => Receipt::Waits,
        }
    }
}

impl Command for SettleMessages {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for message in &self.messages {
            for consumer in consumers::ALL {
                rows.delivery(InboxId::of(consumer, *message));
            }
            rows.message(*message);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let (mut settled, mut again) = (0, Vec::new());
        for message in self.messages.iter().filter_map(|id| facts.outbox.get(*id)) {
            if message.position.is_none() || message.received_at.is_some() {
                continue;
            }
            let receipts = consumers::receipts(message)
                .map(|id| self.receipt(message, facts.inbox.get(id), context.now));
            match receipts.max() {
                None | Some(Receipt::There) => {
                    settled += 1;
                    draft.put(Message { received_at: Some(context.now), ..message.clone() });
                }
                Some(Receipt::Wanted) => again.push(message.id),
                Some(Receipt::Waits) => {}
            }
        }
        Ok(draft.reply(Reply::Settled { settled, again }))
    }
}
