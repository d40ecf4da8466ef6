//! Marks: a published message gets its position in the log and is counted, under the partition's token.

mod mark_published;
mod mark_republished;

pub use mark_published::{MarkPublished, PartitionLease};
pub use mark_republished::MarkRepublished;

use crate::consumers::{self, Consumers};
use crate::ids::{MessageId, TenantId};
use crate::rows::{Facts, Message, Needs};
use crate::time::Timestamp;

/// A message that the broker took.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    pub tenant: TenantId,
    pub message: MessageId,
    /// How often it was published, including this time.
    pub number: i64,
    /// Every consumer's receipt is committed.
    pub received: bool,
}

impl Published {
    fn mark(&self, facts: &Facts, message: &Message, known: Consumers, now: Timestamp) -> Message {
        let nobody_waits = known.of(&message.kind).next().is_none();
        let received = (self.received || nobody_waits) && !known.has_others(facts, message);
        Message {
            published: self.number,
            published_at: Some(now),
            received_at: message.received_at.or_else(|| received.then_some(now)),
            ..message.clone()
        }
    }

    /// Whether the message is unchanged: no other relay has published it in the meantime.
    fn is_new(&self, message: &Message) -> bool {
        message.tenant == self.tenant && message.published + 1 == self.number
    }
}

/// Requests the messages and their consumers.
fn needs_of_messages(rows: &mut Needs<'_>, published: &[Published]) -> Option<()> {
    let mut complete = Some(());
    for published in published {
        match rows.message(published.message) {
            Some(message) => consumers::needs(rows, message),
            None => complete = None,
        }
    }
    complete
}
