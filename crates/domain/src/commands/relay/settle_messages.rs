//! Settle messages: the sweep compares published messages with the receipts. A broker's acknowledgement is no
//! proof of a delivery, but a receipt is.

use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::consumers::{self, Consumers};
use crate::ids::{InboxId, MessageId, TenantId};
use crate::lifecycle::delivery;
use crate::limits::WAITS_FOR_RECEIPTS;
use crate::reply::Reply;
use crate::rows::{Actor, Delivery, Facts, Message, Needs};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

/// Marks messages whose receipts are complete as received. Replies which messages must be published again.
#[derive(Clone, Debug)]
pub struct SettleMessages {
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`].
    pub messages: Vec<MessageId>,
    /// How long to wait for the receipts after the first publication. Later waits are longer.
    pub unreceived_after: Span,
    pub consumers: Consumers,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Receipt {
    There,
    /// Whether its delivery is under way, or waits for its next attempt or for a person.
    Waits,
    Wanted,
}

impl Message {
    fn is_lost(&self, unreceived_after: Span, now: Timestamp) -> bool {
        let times = usize::try_from(self.published).unwrap_or_default().min(WAITS_FOR_RECEIPTS.len() - 1);
        let wait = Span(unreceived_after.0.saturating_mul(WAITS_FOR_RECEIPTS[times]));
        self.published_at.is_some_and(|at| at.plus(wait) < now)
    }

    /// Whether the message was published again since the delivery was due. The consumer that failed it had
    /// received it the first time, even if it was marked as published after that.
    fn is_on_its_way(&self, due_at: Timestamp) -> bool {
        self.published > 1 && self.published_at > Some(due_at)
    }
}

impl SettleMessages {
    fn receipt(&self, message: &Message, delivery: Option<&Delivery>, now: Timestamp) -> Receipt {
        let lost = message.is_lost(self.unreceived_after, now);
        let due = |delivery: &Delivery| {
            let due_at = delivery.due_at.unwrap_or(delivery.created_at);
            due_at <= now && (lost || !message.is_on_its_way(due_at))
        };
        match delivery.map(|delivery| (*delivery.state, delivery)) {
            None if lost => Receipt::Wanted,
            Some((delivery::State::Waiting, delivery)) if due(delivery) => Receipt::Wanted,
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
        let mut complete = Some(());
        for message in &self.messages {
            for consumer in self.consumers.names() {
                rows.delivery(InboxId::of(consumer, *message));
            }
            match rows.message(*message) {
                Some(message) => consumers::needs(rows, message),
                None => complete = None,
            }
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let (mut settled, mut again) = (0, Vec::new());
        for message in self.messages.iter().filter_map(|id| facts.outbox.get(*id)) {
            if message.position.is_none() || message.received_at.is_some() {
                continue;
            }
            let receipts = self
                .consumers
                .receipts(message)
                .map(|id| self.receipt(message, facts.inbox.get(id), context.now));
            match receipts.max() {
                // A consumer of another version has not received it. The relay of that version handles it.
                None | Some(Receipt::There) if self.consumers.has_others(facts, message) => {}
                None | Some(Receipt::There) => {
                    settled += 1;
                    draft.put(Message { received_at: Some(context.now), ..message.clone() });
                }
                Some(Receipt::Wanted) => again.push(message.id),
                Some(Receipt::Waits) => {}
            }
        }
        Ok(draft.reply(Reply::Settled { settled, again, at: context.now }))
    }
}
