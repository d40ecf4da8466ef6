//! Claim partitions: free ones, up to a fair share, and register as the next holder of the missing ones.
//!
//! A relay holds a partition for a few seconds and releases it with a mark. A relay that came later
//! and has less than its share registers in the row as the next holder, and the partition is kept
//! for it after the release. No relay has to know another.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::JobLease;
use crate::ids::{PartitionId, TenantId, WorkerId};
use crate::limits::{PARTITION_KEPT_FOR_SECONDS, PARTITIONS};
use crate::reply::{ClaimedPartition, Reply};
use crate::rows::{Actor, Facts, Needs, Partition};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct ClaimPartitions {
    /// Numbers of partitions that have something to publish, and that the relay does not hold.
    pub wanted: Vec<i64>,
    pub lease: JobLease,
    /// No other process can work on this database: a lease of another worker belongs to a dead process.
    pub alone: bool,
}

impl Partition {
    fn new(number: i64) -> Partition {
        Partition {
            id: PartitionId::of(number),
            number,
            token: 0,
            worker: None,
            lease_until: None,
            next: None,
            next_until: None,
        }
    }

    fn holder(&self, now: Timestamp) -> Option<WorkerId> {
        self.worker.filter(|_| self.lease_until.is_some_and(|until| until > now))
    }

    /// The relay that waits for the partition.
    pub(super) fn kept_for(&self, now: Timestamp) -> Option<WorkerId> {
        self.next.filter(|_| self.next_until.is_some_and(|until| until > now))
    }
}

impl ClaimPartitions {
    fn holder(&self, partition: &Partition, now: Timestamp) -> Option<WorkerId> {
        let me = self.lease.worker;
        partition.holder(now).filter(|holder| !self.alone || *holder == me)
    }

    /// At least one partition for each relay that holds or waits for some.
    fn share(&self, rows: &[Partition], now: Timestamp) -> usize {
        let me = self.lease.worker;
        let known = |row: &Partition| [self.holder(row, now), row.kept_for(now)];
        let others: BTreeSet<WorkerId> =
            rows.iter().flat_map(known).flatten().filter(|worker| *worker != me).collect();
        rows.len().div_ceil(others.len() + 1)
    }

    fn claim(&self, rows: &mut [Partition], share: usize, now: Timestamp) -> Vec<ClaimedPartition> {
        let me = self.lease.worker;
        let mut held = rows
            .iter()
            .filter(|row| self.holder(row, now) == Some(me) && !self.wanted.contains(&row.number))
            .count();
        let mut claimed = Vec::new();
        for row in rows.iter_mut().filter(|row| self.wanted.contains(&row.number)) {
            let another = self.holder(row, now).filter(|holder| *holder != me);
            let kept = row.kept_for(now).filter(|next| *next != me);
            if another.is_some() || kept.is_some() || held >= share {
                continue;
            }
            held += 1;
            let again = row.worker == Some(me);
            claimed.push(ClaimedPartition {
                number: row.number,
                token: row.token + 1,
                left_behind: row.lease_until.is_some() && !again,
                again,
            });
            *row = Partition {
                token: row.token + 1,
                worker: Some(me),
                lease_until: Some(now.plus(self.lease.span)),
                next: None,
                next_until: None,
                ..row.clone()
            };
        }
        claimed
    }

    /// Registers as the next holder of partitions of relays with more than a share. Returns how many.
    fn stand_in_line(&self, rows: &mut [Partition], share: usize, now: Timestamp) -> usize {
        let me = self.lease.worker;
        let mut held: BTreeMap<WorkerId, usize> = BTreeMap::new();
        for row in rows.iter() {
            // A partition that is kept for another relay counts as its own.
            let owner = row.kept_for(now).or(self.holder(row, now));
            *owner.map_or(&mut 0, |owner| held.entry(owner).or_default()) += 1;
        }
        let mut lacking = share.saturating_sub(held.get(&me).copied().unwrap_or_default());
        for row in rows.iter_mut().filter(|row| self.wanted.contains(&row.number)) {
            let Some(holder) = self.holder(row, now).filter(|holder| *holder != me) else { continue };
            let theirs = held.entry(holder).or_default();
            if lacking > 0 && row.kept_for(now).is_none() && *theirs > share {
                *theirs -= 1;
                lacking -= 1;
                row.next = Some(me);
                row.next_until = Some(now.plus(Span::seconds(PARTITION_KEPT_FOR_SECONDS)));
            }
        }
        rows.iter().filter(|row| row.kept_for(now) == Some(me)).count()
    }
}

impl Command for ClaimPartitions {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for number in 0..PARTITIONS {
            rows.partition(PartitionId::of(number));
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let now = context.now;
        let found = |number| {
            let row = facts.partitions.get(PartitionId::of(number));
            row.cloned().unwrap_or_else(|| Partition::new(number))
        };
        let mut rows: Vec<Partition> = (0..PARTITIONS).map(found).collect();
        let share = self.share(&rows, now);
        let claimed = self.claim(&mut rows, share, now);
        let to_come = self.stand_in_line(&mut rows, share, now);
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        for row in rows {
            if facts.partitions.get(row.id) != Some(&row) {
                draft.put(row);
            }
        }
        Ok(draft.reply(Reply::Partitions { claimed, to_come, at: now }))
    }
}
