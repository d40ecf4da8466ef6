//! Consumers, and the messages that they receive. A message is received once each of its consumers
//! has a receipt. A message without consumers is received once it was published.
//!
//! A new consumer needs its line in [`ALL`], its file in the server, and its line in the list
//! there. Its effect is a command that also writes the receipt
//! ([`DeliveryKey::receipt`](crate::commands::DeliveryKey)).
//!
//! The consumers of a message are those in the database ([`Subscription`]), stored by any version:
//! while the next version is rolled out, a relay of this version must not act for a consumer that
//! it does not know.

use crate::ids::{InboxId, SubscriptionId};
use crate::ledger;
use crate::rows::{Facts, Message, Needs, Subscription};

/// A consumer's name, and the kinds of message that it receives.
pub type ConsumerKinds = (&'static str, &'static [&'static str]);

/// Posts the transfer of a message.
pub const LEDGER: &str = "ledger";

/// Every consumer of this version.
pub static ALL: [ConsumerKinds; 1] = [(LEDGER, &ledger::POSTED)];

/// The consumers of a process: [`ALL`], unless a test adds its own.
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

    /// Whether the message has a consumer that this version does not know.
    pub fn has_others(self, facts: &Facts, message: &Message) -> bool {
        let subscription: Option<&Subscription> = facts.subscriptions.get(SubscriptionId::of(&message.kind));
        let known = |name: &str| self.of(&message.kind).any(|consumer| consumer == name);
        let all_known = |subscription: &Subscription| subscription.consumers.0.iter().all(|name| known(name));
        !fault_injection::is(fault_injection::InjectedFault::OtherConsumersForgotten)
            && subscription.is_some_and(|subscription| !all_known(subscription))
    }
}

/// Requests the row with the consumers of the message.
pub fn needs(rows: &mut Needs<'_>, message: &Message) {
    rows.subscription(SubscriptionId::of(&message.kind));
}
