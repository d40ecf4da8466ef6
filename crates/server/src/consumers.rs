//! Consumers: each handles the messages that a broker delivers, and keeps its own receipt of each.
//!
//! | a message that | what is done | by |
//! |---|---|---|
//! | comes for the first time | effect and receipt in one transaction | the consumer's own command |
//! | comes again, or after a crash | counted first, then the same, alone | [`MessageDispatcher`] |
//! | fails, or panics in its handler | tried again later, with full jitter; after the last attempt it is dead | [`MessageDispatcher`] |
//!
//! A dead message waits for a person. The later messages of its subject are still delivered, so a
//! consumer that needs an order must not take it from the messages alone.
//!
//! To add one: its file here, its line in [`all`], and its line in [`domain::consumers`], which
//! names the kinds that it receives.
//!
//! What must never be here: an effect without its receipt in the same transaction.

mod dispatcher;
mod ledger;

use std::sync::Arc;

use domain::Refusal;
use domain::rows::Message;
use domain::working_set::Command;
use futures_util::future::BoxFuture;
use store::{CommandResult, Store};

pub use dispatcher::{DispatchResult, MessageDispatcher, Settings};
pub use ledger::Ledger;

/// Every consumer of this version.
pub fn all(store: &Store) -> Vec<Arc<dyn Consumer>> {
    vec![Arc::new(Ledger { store: store.clone() })]
}

/// Submits the command that has the effect and writes the receipt.
pub async fn apply(store: &Store, command: impl Command + 'static) -> Result<(), ConsumerFailure> {
    match store.submit(Box::new(command)).await {
        Ok(CommandResult::Fresh { .. } | CommandResult::Refused { refusal: Refusal::NothingToDo, .. }) => {
            Ok(())
        }
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerFailure {
    /// Not the message's fault: the store is unreachable or busy. It is not counted as an attempt.
    Unavailable(String),
    /// The consumer failed. It is counted as an attempt.
    Broken(String),
    /// The consumer has given up the message before.
    Dead,
}

/// A consumer of messages. [`domain::consumers`] names its kinds.
pub trait Consumer: Send + Sync {
    fn name(&self) -> &'static str;

    /// `Ok` if the receipt is committed, by this call or before.
    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), ConsumerFailure>>;
}
