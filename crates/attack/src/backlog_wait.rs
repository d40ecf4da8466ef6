//! Waits for a backlog while it shrinks, and for a limited time without progress. A larger run or a
//! slower machine has a larger backlog, and gets the time.

use std::time::{Duration, Instant};

pub struct Patience {
    /// The longest wait without progress.
    within: Duration,
    /// The smallest backlog so far, and when it was reached.
    least: f64,
    since: Instant,
}

impl Patience {
    pub fn of(within: Duration) -> Patience {
        Patience { within, least: f64::INFINITY, since: Instant::now() }
    }

    /// Whether to read the backlog again. `left` is its size now.
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
    fn it_lasts_while_the_backlog_shrinks() {
        let mut patience = Patience::of(Duration::from_mins(1));
        let begun = patience.since;
        let mut check = |second: u64, left: f64, expected: bool| {
            let lasts = patience.lasts_at(left, begun + Duration::from_secs(second));
            assert_eq!(lasts, expected, "{left} after {second} s");
        };
        check(1, 900.0, true);
        check(50, 800.0, true);
        check(100, 700.0, true);
        // Neither the same size nor a larger one is progress.
        check(150, 700.0, true);
        check(159, 900.0, true);
        check(161, 700.0, false);
        check(162, 699.0, true);
        check(222, 699.0, true);
        check(223, 699.0, false);
    }
}
