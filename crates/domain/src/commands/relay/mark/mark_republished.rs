//! Mark messages as published once more.

use alloc::vec::Vec;

use super::{Published, needs_of_messages};
use crate::commands::draft::{Draft, Origin};
use crate::ids::TenantId;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Message, Needs};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult};

/// Counts that messages were published once more, after nobody had received them. It takes no lease:
/// of two that did it at once, one counts.
#[derive(Clone, Debug)]
pub struct MarkRepublished {
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`].
    pub published: Vec<Published>,
    /// When the sweep found that they are wanted, by the database's clock and before it published them. A
    /// consumer that fails one before it is marked sets a time for the next try, and that is later.
    pub looked_at: Timestamp,
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
                let marked = published.mark(facts, message, context.now);
                draft.put(Message { published_at: Some(self.looked_at), ..marked });
            }
        }
        Ok(draft.reply(Reply::Swept(marked)))
    }
}
