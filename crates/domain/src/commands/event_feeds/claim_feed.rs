//! Claim a feed: one process reads an account's events from the mark on.

use crate::commands::draft::{Draft, Origin};
use crate::ids::{AccountId, TenantId};
use crate::reply::{FeedClaim, Reply};
use crate::rows::{Actor, EventFeed, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct ClaimFeed {
    pub account: AccountId,
    pub tenant: TenantId,
    /// When the next read is due.
    pub every: Span,
}

impl Command for ClaimFeed {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.event_feed(self.account);
        Some(())
    }

    /// Replies with the mark to read from, or with none if no read is due.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let feed = facts.event_feeds.get(self.account).cloned().unwrap_or(EventFeed {
            id: self.account,
            tenant: self.tenant,
            token: 0,
            // No object of ours is older than the configuration of the account.
            read_until: context.now,
            due_at: context.now,
        });
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        if feed.due_at > context.now {
            return Ok(draft.reply(Reply::Feed(None)));
        }
        let feed = EventFeed { token: feed.token + 1, due_at: context.now.plus(self.every), ..feed };
        let claim = FeedClaim { token: feed.token, read_until: feed.read_until };
        draft.put(feed);
        Ok(draft.reply(Reply::Feed(Some(claim))))
    }
}
