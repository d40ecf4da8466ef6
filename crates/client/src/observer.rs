//! Receives retries, for logs, metrics and transcripts.

use std::time::Duration;

use crate::{IdempotencyKey, RequestFailure};

/// A request that is about to be sent again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    pub key: Option<&'a IdempotencyKey>,
    /// Number of the attempt that was made last, from 1.
    pub attempt: u32,
    /// The pause before the retry.
    pub delay: Duration,
    /// Why the last attempt failed. [`RequestFailure::label`] is its short form.
    pub failure: &'a RequestFailure,
    /// The wait that the server requested.
    pub retry_after: Option<Duration>,
}

/// Called from within calls, so implementations must be quick.
pub trait Observer: Send + Sync {
    fn retrying(&self, retry: &Retry<'_>);
}

impl<F: Fn(&Retry<'_>) + Send + Sync> Observer for F {
    fn retrying(&self, retry: &Retry<'_>) {
        self(retry);
    }
}

/// Ignores every retry.
pub struct NoObserver;

impl Observer for NoObserver {
    fn retrying(&self, _: &Retry<'_>) {}
}
