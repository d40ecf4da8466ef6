//! How a worker submits its outcomes: as commands, repeatedly while the store is unreachable.

use std::time::Duration;

use domain::jobs::JobKind;
use domain::time::Span;
use domain::working_set::Command;
use domain::{Refusal, Reply};
use resilience::Backoff;
use store::{CommandResult, Store, Unavailable};
use tracing::{error, warn};

/// The end of a job's work that is no failure: another worker has the job now, or has settled it.
pub(super) struct DriveEnded;

/// A pause after this many consecutive failures, spread so that many failures do not retry at the
/// same time: full jitter, a random pause up to `base * 2^failures`, at most `cap`.
pub(super) fn backoff(base: Span, cap: Span, failures: i64) -> Span {
    let duration = |span: Span| Duration::from_micros(span.0.max(0).unsigned_abs());
    let backoff = Backoff { base: duration(base), cap: duration(cap) };
    let pause = backoff.pause(u32::try_from(failures.max(0)).unwrap_or(u32::MAX), &mut rand::rng());
    Span(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX))
}

/// The pause of a kind of job.
pub(super) fn backoff_of(kind: &JobKind, failures: i64) -> Span {
    backoff(kind.backoff_base, kind.backoff_cap, failures)
}

/// Submits an outcome, and repeats it while the store is unreachable. The lease limits how long
/// that is useful, and the heartbeat ends it.
pub(super) async fn submit(
    store: &Store,
    pause: impl Fn(i64) -> Span,
    command: impl Command + Clone + 'static,
) -> Result<Reply, DriveEnded> {
    let mut tries = 0;
    loop {
        match store.submit(Box::new(command.clone())).await {
            Ok(CommandResult::Fresh { reply, .. }) => return Ok(reply),
            Ok(CommandResult::Refused { refusal: Refusal::LeaseLost | Refusal::NothingToDo, .. })
            | Err(Unavailable::Closed) => return Err(DriveEnded),
            Ok(answer) => {
                error!(command = command.name(), answer = answer.name(), "a worker's command was refused");
                return Err(DriveEnded);
            }
            Err(unavailable) if unavailable.retryable() => {
                warn!(%unavailable, "the store did not take what a worker learned; again");
                tries += 1;
                let pause = pause(tries).as_millis().max(20);
                tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
            }
            Err(unavailable) => {
                error!(%unavailable, "a worker's command failed");
                return Err(DriveEnded);
            }
        }
    }
}
