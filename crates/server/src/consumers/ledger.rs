//! The ledger's consumer: posts one balanced transfer per movement, with its receipt.

use domain::commands::PostTransfer;
use domain::consumers::LEDGER;
use domain::rows::Message;
use futures_util::future::{BoxFuture, FutureExt as _};
use store::Store;

use super::{Consumer, ConsumerFailure, apply};

pub struct Ledger {
    pub store: Store,
}

impl Consumer for Ledger {
    fn name(&self) -> &'static str {
        LEDGER
    }

    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), ConsumerFailure>> {
        async {
            let post = PostTransfer::of(message)
                .map_err(|unreadable| ConsumerFailure::Broken(unreadable.to_string()))?;
            // The dispatcher passes only kinds that are posted.
            let Some(post) = post else { return Ok(()) };
            apply(&self.store, post).await
        }
        .boxed()
    }
}
