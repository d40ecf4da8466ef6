//! A panic is a bug. It ends only its own task, and is logged once with its location, its message
//! and the current work.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use tracing::error;

use crate::metrics::catalogue::PANICS;

/// Logs every panic of this process, instead of the text on standard error. Called once per
/// process, after logging has started.
pub fn install() {
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    PANICS.increment(());
    let backtrace = Backtrace::force_capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    error!(
        panic = message(panic),
        at = panic.location().map(ToString::to_string),
        thread = std::thread::current().name(),
        backtrace,
        "a panic"
    );
}

fn message<'p>(panic: &'p PanicHookInfo<'_>) -> &'p str {
    panic.payload_as_str().unwrap_or("something that is no text")
}
