//! How long one attempt may take, and how long the operation with all its attempts and pauses.
//!
//! A limit per attempt is not enough: three attempts of ten seconds with pauses take more than half
//! a minute. A limit on the operation alone lets the first attempt hang until no time is left for a
//! second.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub attempt: Duration,
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { attempt: Duration::from_secs(10), operation: Duration::from_secs(30) }
    }
}

impl Timeouts {
    /// The deadline of an operation that begins now.
    pub fn begin(&self, now: Duration) -> Deadline {
        Deadline(now.saturating_add(self.operation))
    }

    /// How long an attempt that begins now may take. `None`: no time is left.
    pub fn attempt(&self, now: Duration, deadline: Deadline) -> Option<Duration> {
        let limit = self.attempt.min(deadline.left(now));
        (!limit.is_zero()).then_some(limit)
    }
}

/// The time at which an operation ends, whatever its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(pub Duration);

impl Deadline {
    pub fn left(self, now: Duration) -> Duration {
        self.0.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_ends_with_its_operation_at_the_latest() {
        let check = |attempt: u64, operation: u64, now: u64, expected: Option<u64>| {
            let seconds = Duration::from_secs;
            let timeouts = Timeouts { attempt: seconds(attempt), operation: seconds(operation) };
            let deadline = timeouts.begin(seconds(100));
            assert_eq!(timeouts.attempt(seconds(now), deadline), expected.map(seconds), "{now}");
        };
        check(10, 30, 100, Some(10));
        check(10, 30, 120, Some(10));
        check(10, 30, 125, Some(5));
        check(10, 30, 130, None);
        check(10, 30, 999, None);
        check(10, 5, 100, Some(5));
        check(0, 5, 100, None);
        check(10, u64::MAX, 100, Some(10));
    }
}
