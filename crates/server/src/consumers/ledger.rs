//! The ledger's consumer: one balanced transfer a movement, posted with its receipt.

use domain::Refusal;
use domain::commands::PostTransfer;
use domain::rows::Message;
use store::{Answer, Store, Unavailable};

/// Posts what the message moved. `Ok` means that its receipt is committed, now or before, or that
/// it moves nothing.
pub async fn receive(store: &Store, message: &Message) -> Result<(), Unavailable> {
    let Some(post) = PostTransfer::of(message) else { return Ok(()) };
    match store.submit(Box::new(post)).await? {
        Answer::Fresh { .. } | Answer::Refused { refusal: Refusal::NothingToDo, .. } => Ok(()),
        answer => Err(Unavailable::Poisoned(format!("{answer:?}"))),
    }
}
