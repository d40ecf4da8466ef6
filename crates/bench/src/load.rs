//! The load: clients that send one operation after another, or each when it is due.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::Progress;

/// Microseconds up to ten minutes, to three digits.
const LATENCY_MAX_US: u64 = 600_000_000;

/// One client with its own connection.
pub(super) trait Operator: Send + 'static {
    /// Carries out one operation. An error is counted, and described by its text.
    fn operate(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

/// The result of a run.
pub(super) struct Loaded {
    /// Latencies of the operations that succeeded, in microseconds.
    pub latencies: Histogram<u64>,
    pub done: u64,
    pub failed: u64,
    pub first_failure: Option<String>,
    /// The time until the last answer.
    pub took: Duration,
}

impl Loaded {
    fn new() -> Loaded {
        Loaded { latencies: latencies(), done: 0, failed: 0, first_failure: None, took: Duration::ZERO }
    }

    fn note(&mut self, outcome: Result<(), String>, latency: Duration) {
        match outcome {
            Ok(()) => {
                self.done += 1;
                let latency_us = u64::try_from(latency.as_micros()).unwrap_or(LATENCY_MAX_US);
                self.latencies.saturating_record(latency_us.max(1));
            }
            Err(text) => {
                self.failed += 1;
                self.first_failure.get_or_insert(text);
            }
        }
    }

    fn add(&mut self, other: Loaded) {
        self.latencies.add(&other.latencies).expect("both have the same bounds");
        self.done += other.done;
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }

    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

pub(super) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("these bounds are allowed")
}

/// When a client sends its next operation.
#[derive(Clone, Copy)]
enum Pace {
    /// When the last one is answered.
    Answered,
    /// At this interval, whether or not the last is answered.
    Due { first: Duration, every: Duration },
}

/// Each client sends its next operation when the last is answered.
pub(super) async fn closed<O: Operator>(
    operators: Vec<O>,
    duration: Duration,
    progress: &Progress,
) -> (Vec<O>, Loaded) {
    let paced = operators.into_iter().map(|operator| (operator, Pace::Answered)).collect();
    run(paced, duration, progress).await
}

/// Operations are due at this rate, at equal intervals. The clients take turns.
pub(super) async fn open<O: Operator>(
    operators: Vec<O>,
    per_second: f64,
    duration: Duration,
    progress: &Progress,
) -> (Vec<O>, Loaded) {
    let one = 1.0 / per_second.max(1.0);
    let every = Duration::from_secs_f64(one * operators.len() as f64);
    let due =
        |(at, operator)| (operator, Pace::Due { first: Duration::from_secs_f64(one * at as f64), every });
    run(operators.into_iter().enumerate().map(due).collect(), duration, progress).await
}

async fn run<O: Operator>(
    operators: Vec<(O, Pace)>,
    duration: Duration,
    progress: &Progress,
) -> (Vec<O>, Loaded) {
    let counting = progress.counting(duration);
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for (mut operator, pace) in operators {
        let count = counting.count.clone();
        clients.spawn(async move {
            let mut loaded = Loaded::new();
            let mut turn = 0u32;
            loop {
                let since = match pace {
                    Pace::Answered => begun.elapsed(),
                    Pace::Due { first, every } => first + every * turn,
                };
                if since >= duration {
                    return (operator, loaded);
                }
                if let Some(early) = since.checked_sub(begun.elapsed()) {
                    tokio::time::sleep(early).await;
                }
                let outcome = operator.operate().await;
                loaded.note(outcome, begun.elapsed().saturating_sub(since));
                count.fetch_add(1, Ordering::Relaxed);
                turn += 1;
            }
        });
    }
    let mut operators = Vec::new();
    let mut all = Loaded::new();
    while let Some(ended) = clients.join_next().await {
        let (operator, loaded) = ended.expect("a client does not panic");
        operators.push(operator);
        all.add(loaded);
    }
    all.took = begun.elapsed();
    (operators, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One slow operation, and fast ones.
    struct Stalling {
        operated: u32,
        stall: Duration,
    }

    impl Operator for Stalling {
        async fn operate(&mut self) -> Result<(), String> {
            self.operated += 1;
            if self.operated == 5 {
                tokio::time::sleep(self.stall).await;
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_stall_counts_for_all_that_were_due_meanwhile() {
        let stall = Duration::from_millis(200);
        let (operators, loaded) = open(
            vec![Stalling { operated: 0, stall }],
            100.0,
            Duration::from_millis(500),
            &Progress::hidden(),
        )
        .await;
        assert_eq!((loaded.done, u64::from(operators[0].operated)), (50, 50));
        // Twenty were due during the stall, and wait on average for half of it.
        assert!(loaded.latencies.value_at_quantile(0.75) > 50_000, "{:?}", loaded.latencies.max());
        let (_, closed) = closed(operators, Duration::from_millis(20), &Progress::hidden()).await;
        assert!(closed.done > 0 && closed.per_second() > 0.0);
    }
}
