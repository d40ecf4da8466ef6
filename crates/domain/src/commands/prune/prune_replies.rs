//! Prune the replies that are stored under idempotency keys.

use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::idempotency::KeyProgress;
use crate::ids::{KeyId, TenantId};
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Key, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// Deletes stored replies that are older than their retention. The keys stay forever, so that an operation is
/// never repeated.
#[derive(Clone, Debug)]
pub struct PruneReplies {
    /// At most [`crate::limits::IDS_PER_COMMAND_MAX`].
    pub keys: Vec<KeyId>,
    /// The retention after the key was finished, by the clock that stamped the key.
    pub kept: Span,
}

impl Command for PruneReplies {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for key in &self.keys {
            rows.key(*key);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let finished_before = context.now.minus(self.kept);
        let mut pruned = 0;
        for key in self.keys.iter().filter_map(|id| facts.keys.get(*id)) {
            let old = key.finished_at.is_some_and(|at| at < finished_before);
            if key.progress == KeyProgress::Finished && key.body.is_some() && old {
                pruned += 1;
                draft.put(Key { status: None, body: None, ..key.clone() });
            }
        }
        Ok(draft.reply(Reply::Swept(pruned)))
    }
}
