//! The ledger's consumer: one balanced transfer a movement, posted with its receipt.

use domain::Refusal;
use domain::commands::PostTransfer;
use domain::consumers::LEDGER;
use domain::rows::Message;
use futures_util::future::{BoxFuture, FutureExt as _};
use store::{CommandResult, Store};

use super::{Consumer, ConsumerFailure};

pub struct Ledger {
    pub store: Store,
}

impl Ledger {
    async fn post(&self, message: &Message) -> Result<(), ConsumerFailure> {
        let post = PostTransfer::of(message)
            .map_err(|unreadable| ConsumerFailure::Broken(unreadable.to_string()))?;
        // The desk asks only about kinds that are posted.
        let Some(post) = post else { return Ok(()) };
        match self.store.submit(Box::new(post)).await {
            Ok(
                CommandResult::Fresh { .. } | CommandResult::Refused { refusal: Refusal::NothingToDo, .. },
            ) => Ok(()),
            Ok(CommandResult::Refused { refusal: Refusal::DeliveryIsDead, .. }) => Err(ConsumerFailure::Dead),
            Ok(answer) => {
                Err(ConsumerFailure::Broken(format!("an answer that has no meaning: {}", answer.name())))
            }
            Err(unavailable) if unavailable.retryable() => {
                Err(ConsumerFailure::Unavailable(unavailable.to_string()))
            }
            Err(unavailable) => Err(ConsumerFailure::Broken(unavailable.to_string())),
        }
    }
}

impl Consumer for Ledger {
    fn name(&self) -> &'static str {
        LEDGER
    }

    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), ConsumerFailure>> {
        self.post(message).boxed()
    }
}
