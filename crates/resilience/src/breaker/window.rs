//! Calls and failures of the recent past, counted in slots. Calls about one subject count once, and
//! once more if one of them failed. So one payment counts as one, however often it is tried.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::BreakerSubject;

/// A call counts for nine to ten tenths of the window.
pub const SLOTS: u32 = 10;

#[derive(Clone, Debug)]
struct Slot {
    number: u128,
    calls: u32,
    failures: u32,
    /// The subjects counted here, and whether each was counted as failed.
    subjects: HashSet<(BreakerSubject, bool)>,
}

#[derive(Clone, Debug)]
pub struct Window {
    slot_ns: u128,
    slots: VecDeque<Slot>,
}

impl Window {
    pub fn new(span: Duration) -> Window {
        Window { slot_ns: (span.as_nanos() / u128::from(SLOTS)).max(1), slots: VecDeque::new() }
    }

    pub fn add(&mut self, now: Duration, subject: Option<BreakerSubject>, failed: bool) {
        self.forget(now);
        let counted = subject.map(|subject| (subject, failed));
        if counted.is_some_and(|counted| self.slots.iter().any(|slot| slot.subjects.contains(&counted))) {
            return;
        }
        let number = now.as_nanos() / self.slot_ns;
        if self.slots.back().is_none_or(|slot| slot.number < number) {
            self.slots.push_back(Slot { number, calls: 0, failures: 0, subjects: HashSet::new() });
        }
        let slot = self.slots.back_mut().expect("a slot was pushed if there was none");
        slot.calls = slot.calls.saturating_add(1);
        slot.failures = slot.failures.saturating_add(u32::from(failed));
        slot.subjects.extend(counted);
    }

    /// Calls and failures.
    pub fn counted(&mut self, now: Duration) -> (u32, u32) {
        self.forget(now);
        self.slots.iter().fold((0, 0), |(calls, failures), slot| {
            (slot.calls.saturating_add(calls), slot.failures.saturating_add(failures))
        })
    }

    fn forget(&mut self, now: Duration) {
        let current = now.as_nanos() / self.slot_ns;
        while self.slots.front().is_some_and(|slot| slot.number + u128::from(SLOTS) <= current) {
            self.slots.pop_front();
        }
    }
}
