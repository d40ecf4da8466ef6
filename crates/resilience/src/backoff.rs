//! Exponential backoff with full jitter: `random(0, min(cap, base * 2^attempt))`.
//!
//! The pause is drawn from the whole span and not from a tenth around its end. Otherwise callers
//! that failed together would come back together
//! (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::time::Duration;

use rand::{Rng, RngExt as _};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub base: Duration,
    /// No pause is longer, whatever the attempt.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(20) }
    }
}

impl Backoff {
    /// `min(cap, base * 2^attempt)`, where `attempt` is 0 before the first retry.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        // Beyond 2^31, a base of one nanosecond exceeds two seconds, and any longer base exceeds
        // the cap.
        let doubled = 1u32.checked_shl(attempt).and_then(|factor| self.base.checked_mul(factor));
        match doubled {
            Some(doubled) => doubled.min(self.cap),
            None if self.base.is_zero() => Duration::ZERO,
            None => self.cap,
        }
    }

    /// The pause before retry number `attempt`, counted from 0.
    pub fn pause(&self, attempt: u32, rng: &mut impl Rng) -> Duration {
        let ceiling = u64::try_from(self.ceiling(attempt).as_nanos()).unwrap_or(u64::MAX);
        if fault_injection::is(fault_injection::InjectedFault::JitterRemoved) {
            return Duration::from_nanos(ceiling);
        }
        Duration::from_nanos(rng.random_range(0..=ceiling))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let check = |base: u64, cap: u64, attempt: u32, expected: u64| {
            let backoff = Backoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap) };
            assert_eq!(backoff.ceiling(attempt), Duration::from_millis(expected), "{base} {cap} {attempt}");
        };
        check(50, 20_000, 0, 50);
        check(50, 20_000, 1, 100);
        check(50, 20_000, 8, 12_800);
        check(50, 20_000, 9, 20_000);
        check(50, 20_000, 31, 20_000);
        check(50, 20_000, 32, 20_000);
        check(50, 20_000, u32::MAX, 20_000);
        check(100, 10, 0, 10);
        check(0, 10, 3, 0);
        check(0, 10, u32::MAX, 0);
        check(7, 0, 5, 0);
        let huge = Backoff { base: Duration::MAX, cap: Duration::MAX };
        assert_eq!((huge.ceiling(0), huge.ceiling(40)), (Duration::MAX, Duration::MAX));
    }

    /// Counts the pauses in each tenth of the span. With full jitter, no tenth is empty or three
    /// times too full.
    #[test]
    fn pauses_are_spread_over_the_whole_span() {
        const PAUSES: usize = 10_000;
        let seed = 7;
        let mut rng = StdRng::seed_from_u64(seed);
        let backoff = Backoff { base: Duration::from_millis(1), cap: Duration::from_secs(1) };
        let mut tenths = [0usize; 10];
        for _ in 0..PAUSES {
            let pause = backoff.pause(20, &mut rng);
            tenths[((pause.as_nanos() / 100_000_000) as usize).min(9)] += 1;
        }
        for (tenth, count) in tenths.iter().enumerate() {
            assert!(
                (700..1_300).contains(count),
                "tenth {tenth} of the span: {count} of {PAUSES}, seed {seed}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_longer_than_the_ceiling(base in any::<u64>(), cap in any::<u64>(), attempt in any::<u32>(), seed in any::<u64>()) {
            let backoff = Backoff { base: Duration::from_nanos(base), cap: Duration::from_nanos(cap) };
            let pause = backoff.pause(attempt, &mut StdRng::seed_from_u64(seed));
            let exact = u128::from(base).checked_shl(attempt).filter(|_| attempt < 64).unwrap_or(u128::MAX);
            let ceiling = if base == 0 { 0 } else { exact.min(u128::from(cap)) };
            prop_assert!(pause.as_nanos() <= ceiling, "{pause:?} > {ceiling} ns");
        }
    }
}
