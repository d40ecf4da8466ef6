//! Who receives which messages. A message is received once each of its consumers has its receipt; one
//! without consumers is received once it was published.

use crate::ids::InboxId;
use crate::ledger;
use crate::rows::Message;

/// Posts what a message moved.
pub const LEDGER: &str = "ledger";

/// Every consumer.
pub const ALL: [&str; 1] = [LEDGER];

/// The consumers of one kind of message.
pub fn of(kind: &str) -> impl Iterator<Item = &'static str> {
    ALL.into_iter().filter(move |consumer| match *consumer {
        LEDGER => ledger::POSTED.contains(&kind),
        _ => false,
    })
}

/// The receipts that a message waits for.
pub fn receipts(message: &Message) -> impl Iterator<Item = InboxId> {
    of(&message.kind).map(|consumer| InboxId::of(consumer, message.id))
}
