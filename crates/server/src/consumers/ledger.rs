//! The ledger's consumer: one balanced transfer a movement, posted with its receipt.

use domain::Refusal;
use domain::commands::PostTransfer;
use domain::consumers::LEDGER;
use domain::rows::Message;
use futures_util::future::{BoxFuture, FutureExt as _};
use store::{CommandResult, Store};

use super::{Consumer, Failure};

pub struct Ledger {
    pub store: Store,
}

impl Ledger {
    async fn post(&self, message: &Message) -> Result<(), Failure> {
        let post = PostTransfer::of(message).map_err(|unreadable| Failure::Broken(unreadable.to_string()))?;
        // The desk asks only about kinds that are posted.
        let Some(post) = post else { return Ok(()) };
        match self.store.submit(Box::new(post)).await {
            Ok(
                CommandResult::Fresh { .. } | CommandResult::Refused { refusal: Refusal::NothingToDo, .. },
            ) => Ok(()),
            Ok(CommandResult::Refused { refusal: Refusal::DeliveryIsDead, .. }) => Err(Failure::Dead),
            Ok(answer) => Err(Failure::Broken(format!("an answer that has no meaning: {}", answer.name()))),
            Err(unavailable) if unavailable.retryable() => Err(Failure::Unavailable(unavailable.to_string())),
            Err(unavailable) => Err(Failure::Broken(unavailable.to_string())),
        }
    }
}

impl Consumer for Ledger {
    fn name(&self) -> &'static str {
        LEDGER
    }

    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>> {
        self.post(message).boxed()
    }
}
