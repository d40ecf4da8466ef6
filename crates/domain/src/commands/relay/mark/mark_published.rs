//! Mark messages as published, under their partitions' tokens.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Published, needs_of_messages};
use crate::commands::draft::{Draft, Origin};
use crate::consumers::Consumers;
use crate::ids::{LogId, PartitionId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Log, Message, Needs, Partition};
use crate::working_set::{Command, Context, DecisionResult};

/// A partition that a relay claimed. The lease may have lapsed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionLease {
    pub number: i64,
    pub token: i64,
}

/// Gives published messages their positions in their tenants' logs, in the order of the list, and
/// releases partitions. Under an older token nothing of a partition is marked: the relay that took
/// it over publishes and marks the messages again.
#[derive(Clone, Debug)]
pub struct MarkPublished {
    pub holds: Vec<PartitionLease>,
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`], those of a subject in the order of their `seq`.
    pub published: Vec<Published>,
    /// Numbers of partitions to release. Partitions that others wait for are released as well.
    pub release: Vec<i64>,
    pub consumers: Consumers,
}

impl MarkPublished {
    fn held<'f>(&self, facts: &'f Facts) -> BTreeMap<i64, &'f Partition> {
        let row = |hold: &PartitionLease| {
            facts.partitions.get(PartitionId::of(hold.number)).filter(|row| row.token == hold.token)
        };
        self.holds.iter().filter_map(row).map(|row| (row.number, row)).collect()
    }

    /// Returns how many messages were marked.
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
        let mut released = Vec::new();
        for (number, partition) in held {
            if self.release.contains(&number) || partition.kept_for(context.now).is_some() {
                released.push(number);
                draft.put(Partition { lease_until: None, ..partition.clone() });
            }
        }
        Ok(draft.reply(Reply::Marked { marked, lost, released }))
    }
}
