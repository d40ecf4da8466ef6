//! Whether pauses are spread over their whole range: full jitter, and not only a tenth around its
//! end.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ScenarioContext;

/// Fewer pauses prove nothing about a distribution.
const PAUSES_MIN: usize = 100;
/// A quarter of an even range has a quarter of the pauses, give or take this many standard
/// deviations. At random the difference is larger once in fifteen thousand times.
const DEVIATIONS: f64 = 4.0;

/// The distribution of pauses.
#[derive(Debug, PartialEq)]
pub struct Spread {
    pub count: usize,
    /// Pauses in each quarter of the range.
    pub quarters: [usize; 4],
    /// Distinct pauses, in whole milliseconds.
    pub distinct: usize,
}

impl Spread {
    pub fn of(pauses_ms: &[u64], span_ms: u64) -> Spread {
        let mut quarters = [0; 4];
        for pause in pauses_ms {
            let quarter = pause.saturating_mul(4) / span_ms.max(1);
            quarters[usize::try_from(quarter).map_or(3, |quarter| quarter.min(3))] += 1;
        }
        let distinct = pauses_ms.iter().collect::<BTreeSet<_>>().len();
        Spread { count: pauses_ms.len(), quarters, distinct }
    }

    pub fn is_even(&self) -> bool {
        let count = self.count as f64;
        let deviation = DEVIATIONS * (count * 0.25 * 0.75).sqrt();
        let even = |quarter: &usize| (*quarter as f64 - count / 4.0).abs() <= deviation;
        self.count >= PAUSES_MIN && self.quarters.iter().all(even) && self.distinct * 3 >= self.count.min(300)
    }
}

/// Takes every pause before a retry that had no Retry-After.
pub fn judge(context: &ScenarioContext, span: Duration) {
    let retries = context.timeline.taken().retries;
    let own = retries.iter().filter(|retry| retry.retry_after_ms.is_none());
    let pauses: Vec<u64> = own.map(|retry| retry.delay_ms).collect();
    let spread = Spread::of(&pauses, u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    context.findings.always("delays_are_spread", spread.is_even(), || {
        format!("pauses of up to {span:?} by quarters of that span: {spread:?}")
    });
    context.findings.figure("pauses judged", spread.count as f64);
    for (number, quarter) in spread.quarters.iter().enumerate() {
        let share = *quarter as f64 / spread.count.max(1) as f64;
        context.findings.figure(format!("share of pauses in quarter {}", number + 1), share);
    }
    context.findings.figure("distinct pauses", spread.distinct as f64);
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn only_full_jitter_is_even() {
        let check = |what: &str, count: usize, pause: &dyn Fn(&mut StdRng, usize) -> u64, expected: bool| {
            let mut random = StdRng::seed_from_u64(11);
            let pauses: Vec<u64> = (0..count).map(|number| pause(&mut random, number)).collect();
            let spread = Spread::of(&pauses, 400);
            assert_eq!(spread.is_even(), expected, "{what}: {spread:?}");
        };
        check("full jitter", 240, &|random, _| random.random_range(0..=400), true);
        check("full jitter, many", 5_000, &|random, _| random.random_range(0..=400), true);
        check("too few", 99, &|random, _| random.random_range(0..=400), false);
        check("none", 240, &|_, _| 400, false);
        check("half of it is fixed", 240, &|random, _| 200 + random.random_range(0..=200), false);
        check("a tenth around its end", 240, &|random, _| random.random_range(360..=440), false);
        check("three waves", 240, &|_, number| [50, 150, 250, 350][number % 4], false);
        check("short ones only", 240, &|random, _| random.random_range(0..=100), false);
    }

    /// Hardly any of a thousand correct records counts as uneven.
    #[test]
    fn honest_jitter_is_hardly_ever_called_uneven() {
        let uneven = (0..1_000).filter(|seed| {
            let mut random = StdRng::seed_from_u64(*seed);
            let pauses: Vec<u64> = (0..240).map(|_| random.random_range(0..=400)).collect();
            !Spread::of(&pauses, 400).is_even()
        });
        assert!(uneven.count() <= 2);
    }
}
