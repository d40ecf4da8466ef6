//! Advance a feed: its mark moves to the end of what was read and stored.

use crate::commands::draft::{Draft, Origin};
use crate::ids::{AccountId, TenantId};
use crate::refusal::Refusal;
use crate::rows::{Actor, EventFeed, Facts, Needs};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult};

/// All events up to here are stored.
#[derive(Clone, Debug)]
pub struct AdvanceFeed {
    pub account: AccountId,
    pub token: i64,
    pub read_until: Timestamp,
}

impl Command for AdvanceFeed {
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

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let feed = facts
            .event_feeds
            .get(self.account)
            .filter(|feed| feed.token == self.token && feed.read_until < self.read_until)
            .ok_or(Refusal::NothingToDo)?;
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        draft.put(EventFeed { read_until: self.read_until, ..feed.clone() });
        Ok(draft.done())
    }
}
