//! What is told of retries: for logs, metrics, and transcripts of what a client did.

use std::time::Duration;

use crate::{IdempotencyKey, RequestFailure};

/// The same request is about to be sent once more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    pub key: Option<&'a IdempotencyKey>,
    /// The attempt that was made last: 1, 2, ..
    pub attempt: u32,
    /// How long is waited now.
    pub delay: Duration,
    /// What the last attempt met. [`RequestFailure::word`] is short for it.
    pub failure: &'a RequestFailure,
    /// What the server asked for.
    pub retry_after: Option<Duration>,
}

/// Called from within calls: must be quick.
pub trait Observer: Send + Sync {
    fn retrying(&self, retry: &Retry<'_>);
}

impl<F: Fn(&Retry<'_>) + Send + Sync> Observer for F {
    fn retrying(&self, retry: &Retry<'_>) {
        self(retry);
    }
}

/// Nobody listens.
pub struct NoObserver;

impl Observer for NoObserver {
    fn retrying(&self, _: &Retry<'_>) {}
}
