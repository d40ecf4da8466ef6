//! The rate at which a backlog is published.
//!
//! The rate is divided among the partitions and goes with them, so that several relays keep it
//! together without knowing each other. A relay that takes over a partition starts without credit.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::limits::PARTITIONS;

const MICROS_PER_SECOND: i64 = 1_000_000;

pub struct CatchUp {
    /// The rate of all partitions together.
    per_second: i64,
    credits: BTreeMap<i64, Credit>,
}

/// In millionths of a message, times the number of partitions, so that nothing is lost by rounding.
#[derive(Clone, Copy)]
struct Credit {
    parts: i64,
    at: Timestamp,
}

const MESSAGE: i64 = MICROS_PER_SECOND * PARTITIONS;

impl CatchUp {
    pub fn new(per_second: u32) -> CatchUp {
        CatchUp { per_second: i64::from(per_second), credits: BTreeMap::new() }
    }

    /// The partition belonged to another relay before.
    pub fn begin(&mut self, partition: i64, now: Timestamp) {
        self.credits.insert(partition, Credit { parts: 0, at: now });
    }

    /// How many messages may be published now. The credit is at most one second's worth and one
    /// more message, because the slowest rate is less than one per second.
    pub fn allowed(&mut self, partition: i64, now: Timestamp) -> usize {
        if fault_injection::is(fault_injection::InjectedFault::CatchUpUnlimited) {
            return usize::MAX;
        }
        let per_second = self.per_second;
        let credit = self.credits.entry(partition).or_insert(Credit { parts: 0, at: now });
        let passed = now.since(credit.at).0.clamp(0, 3_600 * MICROS_PER_SECOND);
        let saved_max = per_second * MICROS_PER_SECOND + MESSAGE;
        credit.parts = (credit.parts + passed * per_second).min(saved_max);
        credit.at = credit.at.max(now);
        usize::try_from(credit.parts / MESSAGE).unwrap_or(0)
    }

    pub fn spend(&mut self, partition: i64, messages: usize) {
        if let Some(credit) = self.credits.get_mut(&partition) {
            credit.parts -= i64::try_from(messages).unwrap_or(i64::MAX / MESSAGE).saturating_mul(MESSAGE);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::time::Span;

    use super::*;

    /// Drains a backlog in all partitions for this many seconds, with a check every `step`.
    fn drained(per_second: u32, seconds: i64, step: Span, hand_over_every: Option<i64>) -> usize {
        let mut catch_up = CatchUp::new(per_second);
        let (mut now, mut sum, mut steps) = (Timestamp(77), 0, 0);
        let end = now.plus(Span::seconds(seconds));
        (0..PARTITIONS).for_each(|partition| catch_up.begin(partition, now));
        while now < end {
            now = now.plus(step);
            steps += 1;
            for partition in 0..PARTITIONS {
                let allowed = catch_up.allowed(partition, now);
                catch_up.spend(partition, allowed);
                sum += allowed;
                if hand_over_every.is_some_and(|every| steps % every == 0) {
                    catch_up.begin(partition, now);
                }
            }
        }
        sum
    }

    #[test]
    fn the_partitions_together_keep_the_rate() {
        for per_second in [1, 16, 500, 10_000] {
            for step in [Span::millis(7), Span::millis(50), Span::millis(999)] {
                let sum = drained(per_second, 40, step, None);
                let exact = per_second as usize * 40;
                let missing = exact.saturating_sub(sum);
                // Each partition may have credit left for a part of a message.
                assert!(sum <= exact + per_second as usize, "{per_second} a second: {sum}");
                assert!(missing <= PARTITIONS as usize + per_second as usize, "{per_second} a second: {sum}");
            }
        }
    }

    #[test]
    fn who_takes_over_begins_without_credit() {
        assert!(drained(500, 40, Span::millis(50), Some(100)) <= 500 * 40);
        let mut catch_up = CatchUp::new(500);
        catch_up.begin(3, Timestamp(0));
        assert_eq!(catch_up.allowed(3, Timestamp(0)), 0);
        assert_eq!(catch_up.allowed(3, Timestamp(MICROS_PER_SECOND)), 31);
        catch_up.begin(3, Timestamp(MICROS_PER_SECOND));
        assert_eq!(catch_up.allowed(3, Timestamp(MICROS_PER_SECOND)), 0);
    }

    #[test]
    fn a_long_rest_saves_up_a_second_and_a_clock_that_falls_back_saves_nothing() {
        let mut catch_up = CatchUp::new(1_600);
        catch_up.begin(0, Timestamp(0));
        assert_eq!(catch_up.allowed(0, Timestamp(3_600 * MICROS_PER_SECOND)), 101);
        catch_up.spend(0, 101);
        assert_eq!(catch_up.allowed(0, Timestamp(5)), 0);
        assert_eq!(catch_up.allowed(0, Timestamp(3_600 * MICROS_PER_SECOND)), 0);
    }

    #[test]
    fn the_slowest_rate_still_moves() {
        assert!(drained(1, 64, Span::millis(100), None) >= 48);
        assert_eq!(drained(0, 64, Span::millis(100), None), 0);
    }
}
