//! Who receives which messages. A message is received once each of its consumers has its receipt; one
//! without consumers is received once it was published.
//!
//! The consumers of a message are those that are written down in the database ([`Subscription`]), by whichever
//! version: while the next one is rolled out, a relay of this one must not speak for a consumer that it does not
//! know.

use crate::ids::{InboxId, SubscriptionId};
use crate::ledger;
use crate::rows::{Facts, Message, Needs, Subscription};

/// Posts what a message moved.
pub const LEDGER: &str = "ledger";

/// Every consumer of this version, with the kinds of message that it receives.
pub const ALL: [(&str, &[&str]); 1] = [(LEDGER, &ledger::POSTED)];

/// The consumers of one kind of message, as far as this version knows them.
pub fn of(kind: &str) -> impl Iterator<Item = &'static str> {
    ALL.into_iter().filter(move |(_, kinds)| kinds.contains(&kind)).map(|(consumer, _)| consumer)
}

/// The receipts that a message waits for, as far as this version knows.
pub fn receipts(message: &Message) -> impl Iterator<Item = InboxId> {
    of(&message.kind).map(|consumer| InboxId::of(consumer, message.id))
}

/// Asks for who receives the message.
pub fn needs(rows: &mut Needs<'_>, message: &Message) {
    rows.subscription(SubscriptionId::of(&message.kind));
}

/// Whether somebody receives the message whom this version does not know, and cannot speak for.
pub fn has_others(facts: &Facts, message: &Message) -> bool {
    let subscription: Option<&Subscription> = facts.subscriptions.get(SubscriptionId::of(&message.kind));
    let known = |name: &str| of(&message.kind).any(|consumer| consumer == name);
    let all_known = |subscription: &Subscription| subscription.consumers.0.iter().all(|name| known(name));
    !fault_injection::is(fault_injection::InjectedFault::OtherConsumersForgotten)
        && subscription.is_some_and(|subscription| !all_known(subscription))
}
