//! Who receives which messages. A message is received once each of its consumers has its receipt; one
//! without consumers is received once it was published.
//!
//! To add a consumer: its line in [`ALL`]; in the server its file, and its line in the list there. Its effect
//! is a command that writes the receipt besides ([`DeliveryKey::receipt`](crate::commands::DeliveryKey)).
//!
//! The consumers of a message are those that are written down in the database ([`Subscription`]), by whichever
//! version: while the next one is rolled out, a relay of this one must not speak for a consumer that it does not
//! know.

use crate::ids::{InboxId, SubscriptionId};
use crate::ledger;
use crate::rows::{Facts, Message, Needs, Subscription};

/// A consumer's name, and the kinds of message that it receives.
pub type ConsumerKinds = (&'static str, &'static [&'static str]);

/// Posts what a message moved.
pub const LEDGER: &str = "ledger";

/// Every consumer of this version.
pub static ALL: [ConsumerKinds; 1] = [(LEDGER, &ledger::POSTED)];

/// The consumers that a process speaks for: [`ALL`], unless a test adds its own.
#[derive(Clone, Copy, Debug)]
pub struct Consumers(pub &'static [ConsumerKinds]);

impl Default for Consumers {
    fn default() -> Self {
        Consumers(&ALL)
    }
}

impl Consumers {
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(consumer, _)| *consumer)
    }

    /// The consumers of one kind of message, as far as this version knows them.
    pub fn of(self, kind: &str) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(move |(_, kinds)| kinds.contains(&kind)).map(|(consumer, _)| *consumer)
    }

    /// The receipts that a message waits for, as far as this version knows.
    pub fn receipts(self, message: &Message) -> impl Iterator<Item = InboxId> {
        self.of(&message.kind).map(|consumer| InboxId::of(consumer, message.id))
    }

    /// Whether somebody receives the message whom this version does not know, and cannot speak for.
    pub fn has_others(self, facts: &Facts, message: &Message) -> bool {
        let subscription: Option<&Subscription> = facts.subscriptions.get(SubscriptionId::of(&message.kind));
        let known = |name: &str| self.of(&message.kind).any(|consumer| consumer == name);
        let all_known = |subscription: &Subscription| subscription.consumers.0.iter().all(|name| known(name));
        !fault_injection::is(fault_injection::InjectedFault::OtherConsumersForgotten)
            && subscription.is_some_and(|subscription| !all_known(subscription))
    }
}

/// Asks for who receives the message.
pub fn needs(rows: &mut Needs<'_>, message: &Message) {
    rows.subscription(SubscriptionId::of(&message.kind));
}
