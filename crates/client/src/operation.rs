//! Work that is done once, however often it is sent.

use std::fmt;
use std::time::Duration;

use resilience::Timeouts;

use crate::api_request::ApiRequest;
use crate::client::with_wait;
use crate::reply_meaning::ReplyReader;
use crate::retry_loop::{FinalResult, run};
use crate::settings::{check_timeouts, limit_wait};
use crate::{Client, Error, IdempotencyKey, OperationReply, Result};

/// An operation under one idempotency key. Its bytes are fixed; nothing is sent before
/// [`Operation::send`], and every attempt sends these bytes under this key.
///
/// A program that must survive a crash first stores [`Operation::idempotency_key`]. After its
/// restart it builds the same request again and sets that key. It then gets the reply that it lost,
/// or does the work for the first time.
#[must_use = "nothing is sent before `send`"]
pub struct Operation<T> {
    client: Client,
    call: ApiRequest,
    timeouts: Timeouts,
    read: ReplyReader<T>,
}

impl<T: Send + 'static> Operation<T> {
    /// Sends the operation, with retries if needed.
    ///
    /// After an error with an unknown outcome it may be sent again: it is still the same operation.
    pub async fn send(&self) -> Result<OperationReply<T>> {
        check_timeouts(self.timeouts)?;
        let timeouts = with_wait(self.timeouts, self.call.wait);
        let settled = run(self.client.parts(), &self.call, timeouts, self.read).await?;
        let FinalResult { value, reply, attempts } = settled;
        Ok(OperationReply {
            value,
            status: reply.status.as_u16(),
            replayed: reply.is_replayed(),
            key: self.idempotency_key().clone(),
            location: reply.header("location").map(str::to_owned),
            request_id: reply.header("x-request-id").map(str::to_owned),
            attempts,
        })
    }
}

impl<T> Operation<T> {
    pub(crate) fn new(
        client: Client,
        call: ApiRequest,
        timeouts: Timeouts,
        read: ReplyReader<T>,
    ) -> Operation<T> {
        Operation { client, call, timeouts, read }
    }

    /// The key that the operation is sent under.
    pub fn idempotency_key(&self) -> &IdempotencyKey {
        self.call.key.as_ref().expect("an operation is created with a key, which can only be replaced")
    }

    /// Sets a key instead of the generated one: the caller's own name for the work, or the key of
    /// an earlier run.
    pub fn key(mut self, key: impl Into<String>) -> Result<Operation<T>> {
        let key = IdempotencyKey::new(key).map_err(|invalid| Error::Invalid(invalid.to_string()))?;
        self.call.key = Some(key);
        Ok(self)
    }

    /// How long the server waits for the provider's outcome before it replies 202; whole seconds,
    /// at most 30. It has no effect on work without a provider.
    pub fn wait(mut self, wait: Duration) -> Operation<T> {
        self.call.wait = self.call.wait.map(|_| limit_wait(wait));
        self
    }

    /// Timeouts of this operation: of an attempt without the wait, and of the whole. With a timeout
    /// of zero it is not sent.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Operation<T> {
        self.timeouts = timeouts;
        self
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Operation")
            .field("method", &self.call.method)
            .field("path", &self.call.path())
            .field("key", &self.call.key)
            .finish_non_exhaustive()
    }
}
