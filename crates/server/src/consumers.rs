//! Consumers: each takes what a broker brings, and keeps its own receipt of it.
//!
//! | how a message comes | what is done | by |
//! |---|---|---|
//! | for the first time | effect and receipt in one transaction | the consumer's own command |
//! | again, or after a crash | counted first, alone, then the same | [`MessageDispatcher`] |
//! | and its handler fails, or panics | again later, with full jitter; after so many attempts dead | [`MessageDispatcher`] |
//!
//! A message that is dead waits for a person. The rest of its subject flows on: what a consumer needs in
//! order it must not take from messages alone.
//!
//! To add one: its file here, its line in [`all`], and its line in [`domain::consumers`], which says what it
//! receives.
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

/// Submits what has the effect and writes the receipt.
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

/// Why a consumer did not take a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerFailure {
    /// Not the message's fault: the store is out of reach or busy. It does not count.
    Unavailable(String),
    /// The consumer cannot do it. It counts.
    Broken(String),
    /// It gave the message up before.
    Dead,
}

/// One who receives messages. Which kinds, [`domain::consumers`] says.
pub trait Consumer: Send + Sync {
    fn name(&self) -> &'static str;

    /// `Ok` once the receipt is committed, now or before.
    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), ConsumerFailure>>;
}
