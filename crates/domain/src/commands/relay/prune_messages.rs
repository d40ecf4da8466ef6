//! Prune messages long after they were received.

use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::ids::{MessageId, TenantId};
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Message, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// Deletes messages that every consumer has received, or a person has discarded.
#[derive(Clone, Debug)]
pub struct PruneMessages {
    /// At most [`crate::limits::IDS_PER_COMMAND_MAX`], the lowest `seq` of a subject first.
    pub messages: Vec<MessageId>,
    /// The retention after the message was received, by the clock that stamped it: another clock may be weeks
    /// ahead, and a deleted message is lost.
    pub kept: Span,
}

impl Command for PruneMessages {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for message in &self.messages {
            rows.message(*message);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let received_before = context.now.minus(self.kept);
        let mut pruned = 0;
        for message in self.messages.iter().filter_map(|id| facts.outbox.get(*id)) {
            if message.received_at.is_some_and(|at| at < received_before) {
                pruned += 1;
                draft.remove::<Message>(message.id);
            }
        }
        Ok(draft.reply(Reply::Swept(pruned)))
    }
}
