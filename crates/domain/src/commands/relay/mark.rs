//! Marks: what was published gets its place in the log and is counted, under the partition's token.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::consumers::{self, Consumers};
use crate::ids::{LogId, MessageId, PartitionId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Log, Message, Needs, Partition};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult};

/// A partition that a relay believes to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionLease {
    pub number: i64,
    pub token: i64,
}

/// A message that the broker took.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    pub tenant: TenantId,
    pub message: MessageId,
    /// How often it was published, this time included.
    pub number: i64,
    /// Every consumer's receipt is committed.
    pub received: bool,
}

impl Published {
    fn mark(&self, facts: &Facts, message: &Message, known: Consumers, now: Timestamp) -> Message {
        let nobody_waits = known.of(&message.kind).next().is_none();
        let received = (self.received || nobody_waits) && !known.has_others(facts, message);
        Message {
            published: self.number,
            published_at: Some(now),
            received_at: message.received_at.or_else(|| received.then_some(now)),
            ..message.clone()
        }
    }

    /// Whether the message stands where this was decided: nobody published it meanwhile.
    fn is_new(&self, message: &Message) -> bool {
        message.tenant == self.tenant && message.published + 1 == self.number
    }
}

/// Gives published messages their places in their tenants' logs, in the order given, and hands
/// partitions back. Of a partition whose token is an older one nothing is marked: the relay that
/// took it over publishes again, and marks.
#[derive(Clone, Debug)]
pub struct MarkPublished {
    pub holds: Vec<PartitionLease>,
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`], each subject's in the order of its `seq`.
    pub published: Vec<Published>,
    /// Numbers of partitions that the relay is done with; those that others wait for go back besides.
    pub hand_back: Vec<i64>,
    pub consumers: Consumers,
}

/// The messages, and who receives them.
fn needs_of_messages(rows: &mut Needs<'_>, published: &[Published]) -> Option<()> {
    let mut complete = Some(());
    for published in published {
        match rows.message(published.message) {
            Some(message) => consumers::needs(rows, message),
            None => complete = None,
        }
    }
    complete
}

impl MarkPublished {
    fn held<'f>(&self, facts: &'f Facts) -> BTreeMap<i64, &'f Partition> {
        let row = |hold: &PartitionLease| {
            facts.partitions.get(PartitionId::of(hold.number)).filter(|row| row.token == hold.token)
        };
        self.holds.iter().filter_map(row).map(|row| (row.number, row)).collect()
    }

    /// How many it marked.
    fn mark(&self, draft: &mut Draft<'_>, facts: &Facts, held: &BTreeMap<i64, &Partition>) -> usize {
        let now = draft.context.now;
        let mut positions: BTreeMap<TenantId, i64> = BTreeMap::new();
        let mut marked = 0;
        for published in &self.published {
            let own = |message: &&Message| {
                held.contains_key(&message.partition)
                    && message.position.is_none()
                    && published.is_new(message)
            };
            let Some(message) = facts.outbox.get(published.message).filter(own) else { continue };
            let position = positions
                .entry(message.tenant)
                .or_insert_with(|| facts.logs.get(LogId::of(message.tenant)).map_or(0, |log| log.position));
            *position += 1;
            marked += 1;
            draft.put(Message {
                position: Some(*position),
                ..published.mark(facts, message, self.consumers, now)
            });
        }
        for (tenant, position) in positions {
            draft.put(Log { id: LogId::of(tenant), tenant, position });
        }
        marked
    }
}

impl Command for MarkPublished {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let complete = needs_of_messages(rows, &self.published);
        for hold in &self.holds {
            rows.partition(PartitionId::of(hold.number));
        }
        let tenants: BTreeSet<TenantId> = self.published.iter().map(|published| published.tenant).collect();
        for tenant in tenants {
            rows.log(LogId::of(tenant));
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let held = self.held(facts);
        if held.is_empty() {
            return Err(Refusal::LeaseLost);
        }
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let marked = self.mark(&mut draft, facts, &held);
        let lost = self.holds.iter().map(|hold| hold.number).filter(|number| !held.contains_key(number));
        let lost: Vec<i64> = lost.collect();
        let mut handed_back = Vec::new();
        for (number, partition) in held {
            if self.hand_back.contains(&number) || partition.kept_for(context.now).is_some() {
                handed_back.push(number);
                draft.put(Partition { lease_until: None, ..partition.clone() });
            }
        }
        Ok(draft.reply(Reply::Marked { marked, lost, handed_back }))
    }
}

/// Counts that messages were published once more, after nobody had received them. It takes no lease:
/// of two that did it at once, one counts.
#[derive(Clone, Debug)]
pub struct MarkRepublished {
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`].
    pub published: Vec<Published>,
    /// When the sweep found that they are wanted, by the database's clock and before it published them. A
    /// consumer that fails one before it is marked sets a time for the next try, and that is later.
    pub looked_at: Timestamp,
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
                draft.put(Message { published_at: Some(self.looked_at), ..marked });
            }
        }
        Ok(draft.reply(Reply::Swept(marked)))
    }
}
