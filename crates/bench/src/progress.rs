//! The progress of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_millis(200);

/// A line that is overwritten; hidden without a terminal.
#[derive(Clone)]
pub struct Progress(ProgressBar);

/// The progress of one load, counted by its clients.
pub(super) struct Counting {
    pub count: Arc<AtomicU64>,
    ticker: JoinHandle<()>,
}

impl Progress {
    pub fn shown() -> Progress {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed}] {prefix} {msg}") {
            bar.set_style(style);
        }
        Progress(bar)
    }

    pub fn hidden() -> Progress {
        Progress(ProgressBar::hidden())
    }

    /// Shows the current step.
    pub(super) fn show(&self, text: impl Into<String>) {
        self.0.set_prefix(text.into());
        self.0.set_message("");
        self.0.tick();
    }

    pub(super) fn counting(&self, of: Duration) -> Counting {
        let count = Arc::new(AtomicU64::new(0));
        let (bar, counted) = (self.0.clone(), count.clone());
        let ticker = tokio::spawn(async move {
            let begun = Instant::now();
            loop {
                tokio::time::sleep(EVERY).await;
                let (done, elapsed) = (counted.load(Ordering::Relaxed), begun.elapsed());
                let rate = done as f64 / elapsed.as_secs_f64();
                bar.set_message(format!("{elapsed:.0?} of {of:.0?}: {done} done, {rate:.0}/s"));
                bar.tick();
            }
        });
        Counting { count, ticker }
    }

    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}
