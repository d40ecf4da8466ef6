//! Waiting for a backlog to be gone: for as long as it gets smaller, and for so long beyond that. A larger run, or
//! a slower machine, has a larger backlog, and is given the time.

use std::time::{Duration, Instant};

pub struct Patience {
    /// Without any progress.
    within: Duration,
    /// The smallest backlog so far, and since when.
    least: f64,
    since: Instant,
}

impl Patience {
    pub fn of(within: Duration) -> Patience {
        Patience { within, least: f64::INFINITY, since: Instant::now() }
    }

    /// Whether to look again, now that so much is left.
    pub fn lasts(&mut self, left: f64) -> bool {
        self.lasts_at(left, Instant::now())
    }

    fn lasts_at(&mut self, left: f64, now: Instant) -> bool {
        if left < self.least {
            (self.least, self.since) = (left, now);
        }
        now.saturating_duration_since(self.since) <= self.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_while_less_and_less_is_left() {
        let mut patience = Patience::of(Duration::from_mins(1));
        let begun = patience.since;
        let mut check = |second: u64, left: f64, expected: bool| {
            let lasts = patience.lasts_at(left, begun + Duration::from_secs(second));
            assert_eq!(lasts, expected, "{left} after {second} s");
        };
        check(1, 900.0, true);
        check(50, 800.0, true);
        check(100, 700.0, true);
        // No less than it was: neither the same nor more is progress.
        check(150, 700.0, true);
        check(159, 900.0, true);
        check(161, 700.0, false);
        check(162, 699.0, true);
        check(222, 699.0, true);
        check(223, 699.0, false);
    }
}
