//! Signals that stop a subcommand: Ctrl-C, or a supervisor's SIGTERM.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Failed;

/// Signals are received from the creation of this value on, so a signal during the start is not
/// lost.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    pub fn listen() -> Result<Signals, Failed> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    pub async fn stop_requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for a signal that stops, and meanwhile calls `read_again` at each SIGHUP, and at each interval.
    pub async fn stop_requested_or(&mut self, every: Duration, mut read_again: impl FnMut()) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => read_again(),
                () = tokio::time::sleep(every) => read_again(),
            }
        }
    }
}
