//! The partitions that a relay holds.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::commands::PartitionLease;
use domain::reply::ClaimedPartition;
use domain::rows::Message;
use tokio::time::Instant;

/// A partition is handed back after this time, so that relays that came later get their share.
const HOLD_MAX: Duration = Duration::from_secs(5);

#[derive(Clone, Copy)]
struct HeldPartition {
    token: i64,
    since: Instant,
    /// The previous relay died with it, and may have begun any message from before this time.
    left_behind_before: Option<Timestamp>,
}

#[derive(Default)]
pub struct HeldPartitions {
    held: BTreeMap<i64, HeldPartition>,
}

impl HeldPartitions {
    /// `at` is the time of the claim by the database's clock.
    pub fn add(&mut self, claimed: ClaimedPartition, at: Timestamp) {
        let ClaimedPartition { number, token, left_behind, .. } = claimed;
        let left_behind_before = left_behind.then_some(at);
        self.held.insert(number, HeldPartition { token, since: Instant::now(), left_behind_before });
    }

    pub fn has(&self, number: i64) -> bool {
        self.held.contains_key(&number)
    }

    pub fn len(&self) -> usize {
        self.held.len()
    }

    pub fn tokens(&self) -> Vec<PartitionLease> {
        self.held.iter().map(|(number, held)| PartitionLease { number: *number, token: held.token }).collect()
    }

    pub fn numbers(&self) -> Vec<i64> {
        self.held.keys().copied().collect()
    }

    /// Whether an earlier relay may have died while it handled this message.
    pub fn was_left_behind(&self, message: &Message) -> bool {
        let before = self.held.get(&message.partition).and_then(|held| held.left_behind_before);
        before.is_some_and(|before| message.created_at < before)
    }

    /// The partitions that were held long enough.
    pub fn over(&self) -> Vec<i64> {
        let over = self.held.iter().filter(|(_, held)| held.since.elapsed() >= HOLD_MAX);
        over.map(|(number, _)| *number).collect()
    }

    pub fn any_is_over(&self) -> bool {
        self.until_hand_back().is_zero()
    }

    /// Very long while nothing is held.
    pub fn until_hand_back(&self) -> Duration {
        let left = self.held.values().map(|held| HOLD_MAX.saturating_sub(held.since.elapsed()));
        left.min().unwrap_or(Duration::MAX)
    }

    pub fn drop_older_than(&mut self, age: Duration) {
        self.held.retain(|_, held| held.since.elapsed() < age);
    }

    pub fn remove(&mut self, numbers: &[i64]) {
        self.held.retain(|number, _| !numbers.contains(number));
    }

    pub fn clear(&mut self) {
        self.held.clear();
    }
}
