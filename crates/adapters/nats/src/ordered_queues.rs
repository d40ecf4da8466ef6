//! Deliveries in progress, one after the other per subject: while one of a subject is handled, the
//! next ones wait.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

/// `T` is a delivery.
pub struct OrderedQueues<T> {
    /// By subject with one in progress: the deliveries that wait behind it.
    waiting: HashMap<Uuid, VecDeque<T>>,
}

impl<T> Default for OrderedQueues<T> {
    fn default() -> Self {
        OrderedQueues { waiting: HashMap::new() }
    }
}

impl<T> OrderedQueues<T> {
    pub fn len(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.values().flatten()
    }

    /// The delivery that may begin at once: this one, unless one of its subject is in progress.
    pub fn arrived(&mut self, subject: Uuid, delivery: T) -> Option<T> {
        if let Some(waiting) = self.waiting.get_mut(&subject) {
            waiting.push_back(delivery);
            return None;
        }
        self.waiting.insert(subject, VecDeque::new());
        Some(delivery)
    }

    /// One has ended; returns the next one of its subject.
    pub fn ended(&mut self, subject: Uuid) -> Option<T> {
        let next = self.waiting.get_mut(&subject).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.waiting.remove(&subject);
        }
        next
    }

    /// One could not be handled; returns those behind it, which must not begin before it.
    pub fn failed(&mut self, subject: Uuid) -> Vec<T> {
        self.waiting.remove(&subject).map(Vec::from).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_subject_at_a_time_in_order() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut chains = OrderedQueues::default();
        assert_eq!(chains.arrived(a, 1), Some(1));
        assert_eq!(chains.arrived(a, 2), None);
        assert_eq!(chains.arrived(b, 9), Some(9));
        assert_eq!(chains.arrived(a, 3), None);
        assert_eq!(chains.ended(a), Some(2));
        assert_eq!(chains.ended(a), Some(3));
        assert_eq!(chains.arrived(a, 4), None);
        assert_eq!(chains.ended(a), Some(4));
        assert_eq!(chains.ended(a), None);
        assert_eq!(chains.arrived(a, 5), Some(5));
        assert_eq!(chains.ended(b), None);
        assert!(chains.failed(b).is_empty());
    }

    #[test]
    fn what_waits_behind_a_failure_does_not_begin() {
        let subject = Uuid::from_u128(1);
        let mut chains = OrderedQueues::default();
        for delivery in 1..=3 {
            chains.arrived(subject, delivery);
        }
        assert_eq!(chains.failed(subject), [2, 3]);
        assert_eq!(chains.arrived(subject, 4), Some(4));
    }
}
