//! What asks a subcommand to stop: Ctrl-C, or a supervisor's SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Failed;

/// Heard from the moment this is made: one that comes while something starts is not lost.
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

    /// Waits for the next one.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
