//! The embedded broker: delivers messages to the consumers in this process.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};

use super::in_order::in_order;
use super::{Ack, Broker, Error, Publication};
use crate::consumers::{DispatchResult, MessageDispatcher};

pub struct Embedded {
    pub dispatcher: Arc<MessageDispatcher>,
}

impl Broker for Embedded {
    /// The dispatcher limits how many handlers run.
    fn publish<'a>(
        &'a self,
        batch: &'a [Publication],
        patience: Duration,
    ) -> BoxFuture<'a, Vec<Result<Ack, Error>>> {
        in_order(batch, None, patience, |publication| self.bring(publication)).boxed()
    }
}

impl Embedded {
    async fn bring(&self, publication: &Publication) -> Result<Ack, Error> {
        match self.dispatcher.take(&publication.message, publication.left_behind).await {
            DispatchResult::Received => Ok(Ack::Received),
            // The message waits for its own retry and does not delay its subject.
            DispatchResult::Waiting | DispatchResult::Dead => Ok(Ack::Stored),
            DispatchResult::Unavailable(why) => Err(Error::Unavailable(why)),
        }
    }
}
