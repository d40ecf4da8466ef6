//! Work that is done once, however often it is asked for.

use std::fmt;
use std::time::Duration;

use resilience::Timeouts;

use crate::answer::AnswerReader;
use crate::api_request::ApiRequest;
use crate::client::with_wait;
use crate::retry_loop::{FinalResult, pursue};
use crate::settings::{at_most, check_timeouts};
use crate::{Client, Error, IdempotencyKey, OperationReply, Result};

/// A piece of work under one idempotency key. Its bytes are made; nothing is sent before
/// [`Operation::send`], and whatever is sent are these bytes under this key.
///
/// A program that may die keeps [`Operation::idempotency_key`] first. After its restart it makes the same
/// request again, gives it that key, and gets the answer that it lost, or does the work for the first time.
#[must_use = "nothing is sent before `send`"]
pub struct Operation<T> {
    client: Client,
    call: ApiRequest,
    timeouts: Timeouts,
    read: AnswerReader<T>,
}

impl<T: Send + 'static> Operation<T> {
    /// Sends it, and again if need be.
    ///
    /// After an error with an unknown outcome it may be sent again: it is still the same piece of work.
    pub async fn send(&self) -> Result<OperationReply<T>> {
        check_timeouts(self.timeouts)?;
        let timeouts = with_wait(self.timeouts, self.call.wait);
        let settled = pursue(self.client.parts(), &self.call, timeouts, self.read).await?;
        let FinalResult { value, answer, attempts } = settled;
        Ok(OperationReply {
            value,
            status: answer.status.as_u16(),
            replayed: answer.is_replayed(),
            key: self.idempotency_key().clone(),
            location: answer.header("location").map(str::to_owned),
            request_id: answer.header("x-request-id").map(str::to_owned),
            attempts,
        })
    }
}

impl<T> Operation<T> {
    pub(crate) fn new(
        client: Client,
        call: ApiRequest,
        timeouts: Timeouts,
        read: AnswerReader<T>,
    ) -> Operation<T> {
        Operation { client, call, timeouts, read }
    }

    /// The key that it will be sent under.
    pub fn idempotency_key(&self) -> &IdempotencyKey {
        self.call.key.as_ref().expect("an operation is made with a key, and keys are only replaced")
    }

    /// A key of one's own, in place of the minted one: the name of the work in one's own books, or the key
    /// of an earlier run.
    pub fn key(mut self, key: impl Into<String>) -> Result<Operation<T>> {
        let key = IdempotencyKey::new(key).map_err(|invalid| Error::Invalid(invalid.to_string()))?;
        self.call.key = Some(key);
        Ok(self)
    }

    /// How long the server waits for the provider's outcome before it answers 202; whole seconds, at most
    /// 30. Of work that needs no provider there is nothing to wait for.
    pub fn wait(mut self, wait: Duration) -> Operation<T> {
        self.call.wait = self.call.wait.map(|_| at_most(wait));
        self
    }

    /// Limits of this operation alone: an attempt's besides the wait, and that of the whole. With one of
    /// nothing it is not sent.
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
