//! A panic is a bug. It ends its task alone, and is told of once: where, why, and what was being done.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use tracing::error;

use crate::metrics::catalogue::PANICS;

/// Tells of every panic of this process in its log, in place of the text on standard error. Once a
/// process, when the log is there.
pub fn install() {
    std::panic::set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
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
