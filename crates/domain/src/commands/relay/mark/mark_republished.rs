//! Mark messages as published once more.

use alloc::vec::Vec;

use super::{Published, needs_of_messages};
use crate::commands::draft::{Draft, Origin};
use crate::consumers::Consumers;
use crate::ids::TenantId;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Message, Needs};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult};

/// Counts the repeated publication of messages that were not received. It needs no lease: of two concurrent
/// commands one counts.
#[derive(Clone, Debug)]
pub struct MarkRepublished {
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`].
    pub published: Vec<Published>,
    /// When the sweep found the messages, by the database's clock and before it published them. If a consumer
    /// fails a message before this mark, its next attempt is later than this.
    pub found_at: Timestamp,
    pub consumers: Consumers,
}

impl Command for MarkRepublished {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        needs_of_messages(rows, &self.published)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut marked = 0;
        for published in &self.published {
            let waits = |message: &&Message| {
                message.position.is_some() && message.received_at.is_none() && published.is_new(message)
            };
            if let Some(message) = facts.outbox.get(published.message).filter(waits) {
                marked += 1;
                let marked = published.mark(facts, message, self.consumers, context.now);
                draft.put(Message { published_at: Some(self.found_at), ..marked });
            }
        }
        Ok(draft.reply(Reply::Swept(marked)))
    }
}
