//! Signals that stop a subcommand: Ctrl-C, or a supervisor's SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Failed;

/// Signals are received from the creation of this value on, so a signal during the start is not
/// lost.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn listen() -> Result<Signals, Failed> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub async fn stop_requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
