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
//! What must never be here: an effect without its receipt in the same transaction.

mod dispatcher;
mod ledger;

use domain::rows::Message;
use futures_util::future::BoxFuture;

pub use dispatcher::{DispatchResult, MessageDispatcher, Settings};
pub use ledger::Ledger;

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
