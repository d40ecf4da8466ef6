//! Subscribe: a version that starts stores its consumers.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::consumers::Consumers;
use crate::ids::{SubscriptionId, TenantId};
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Needs, Subscription};
use crate::working_set::{Command, Context, DecisionResult, Json};

/// Submitted before this version consumes or publishes a message.
#[derive(Clone, Debug, Default)]
pub struct Subscribe {
    pub consumers: Consumers,
}

impl Subscribe {
    fn by_kind(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        let mut by_kind: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (consumer, kinds) in self.consumers.0 {
            for kind in *kinds {
                by_kind.entry(*kind).or_default().push(*consumer);
            }
        }
        by_kind
    }
}

impl Command for Subscribe {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for kind in self.by_kind().keys() {
            rows.subscription(SubscriptionId::of(kind));
        }
        Some(())
    }

    /// No consumer is removed, because another version may still have it.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut news = false;
        for (kind, consumers) in self.by_kind() {
            let id = SubscriptionId::of(kind);
            let none = Subscription { id, kind: kind.to_owned(), version: 0, consumers: Json(vec![]) };
            let mut subscription = facts.subscriptions.get(id).cloned().unwrap_or(none);
            let known = subscription.consumers.0.len();
            for consumer in consumers {
                if !subscription.consumers.0.iter().any(|name| name == consumer) {
                    subscription.consumers.0.push(consumer.to_owned());
                }
            }
            if subscription.consumers.0.len() > known {
                subscription.version += 1;
                news = true;
                draft.put(subscription);
            }
        }
        if news { Ok(draft.done()) } else { Err(Refusal::NothingToDo) }
    }
}
