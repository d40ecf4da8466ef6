//! What is done with each type of Stripe's events, <https://docs.stripe.com/api/events/types>.

/// What an event of a type is about, or why it is stored and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    Payment,
    Refund,
    Dispute,
    /// Money to a beneficiary, or back.
    Transfer,
    Ignored(&'static str),
}

const REPEATS: &str = "it repeats what the events of its PaymentIntent or refund say";
const UNCONFIRMED: &str = "no money moves before we confirm the object, whose id is committed before";
const NOT_OURS: &str = "it is about neither a payment nor a refund of ours";
const OWN_MONEY: &str = "it moves the tenant's own money, between its balance and its bank";

use Handling::{Dispute, Ignored, Payment, Refund, Transfer};

/// Each type with its handling, and whether a webhook endpoint subscribes to it. Events that nobody reads
/// cost traffic, so only those are subscribed to whose content is not in another one.
const KINDS: &[(&str, Handling, bool)] = &[
    ("payment_intent.created", Ignored(UNCONFIRMED), false),
    ("payment_intent.requires_action", Payment, true),
    ("payment_intent.processing", Payment, true),
    ("payment_intent.amount_capturable_updated", Payment, true),
    ("payment_intent.succeeded", Payment, true),
    ("payment_intent.payment_failed", Payment, true),
    ("payment_intent.canceled", Payment, true),
    // Of bank transfers, which are not offered; the object is read if one comes.
    ("payment_intent.partially_funded", Payment, false),
    ("charge.captured", Ignored(REPEATS), false),
    ("charge.expired", Ignored(REPEATS), false),
    ("charge.failed", Ignored(REPEATS), false),
    ("charge.pending", Ignored(REPEATS), false),
    ("charge.refunded", Ignored(REPEATS), false),
    ("charge.succeeded", Ignored(REPEATS), false),
    ("charge.updated", Ignored(REPEATS), false),
    // Its object is the refund. `refund.updated` has the same.
    ("charge.refund.updated", Refund, false),
    ("refund.created", Refund, true),
    ("refund.updated", Refund, true),
    ("refund.failed", Refund, true),
    ("charge.dispute.created", Dispute, true),
    ("charge.dispute.updated", Dispute, true),
    ("charge.dispute.closed", Dispute, true),
    ("charge.dispute.funds_withdrawn", Dispute, true),
    ("charge.dispute.funds_reinstated", Dispute, true),
    ("transfer.created", Transfer, true),
    ("transfer.updated", Transfer, true),
    ("transfer.reversed", Transfer, true),
    ("payout.created", Ignored(OWN_MONEY), false),
    ("payout.updated", Ignored(OWN_MONEY), false),
    ("payout.paid", Ignored(OWN_MONEY), false),
    ("payout.failed", Ignored(OWN_MONEY), false),
    ("payout.canceled", Ignored(OWN_MONEY), false),
    ("payout.reconciliation_completed", Ignored(OWN_MONEY), false),
    ("radar.early_fraud_warning.created", Ignored(WARNING), false),
    ("radar.early_fraud_warning.updated", Ignored(WARNING), false),
    ("account.updated", Ignored("it is about the account's data, and not about money"), false),
];

const WARNING: &str = "a warning moves no money; the dispute that may follow has events of its own";

/// The events that a webhook endpoint for this adapter subscribes to, and that are read from the list if a
/// webhook was lost. Other events are stored and ignored.
pub const EVENTS: &[&str] = &subscribed();

const fn count() -> usize {
    let (mut at, mut count) = (0, 0);
    while at < KINDS.len() {
        if KINDS[at].2 {
            count += 1;
        }
        at += 1;
    }
    count
}

const fn subscribed() -> [&'static str; count()] {
    let mut found = [""; count()];
    let (mut at, mut next) = (0, 0);
    while at < KINDS.len() {
        if KINDS[at].2 {
            found[next] = KINDS[at].0;
            next += 1;
        }
        at += 1;
    }
    found
}

/// A type that is not in the table is handled as its family: a later version may add some.
pub fn handling(kind: &str) -> Handling {
    let listed = KINDS.iter().find(|(listed, _, _)| *listed == kind);
    match listed {
        Some((_, handling, _)) => *handling,
        None if kind.starts_with("payment_intent.") => Payment,
        None if kind.starts_with("refund.") => Refund,
        None if kind.starts_with("charge.dispute.") => Dispute,
        None if kind.starts_with("transfer.") => Transfer,
        None if kind.starts_with("charge.") => Ignored(REPEATS),
        None => Ignored(NOT_OURS),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The types of events about payments, money and accounts in Stripe's documentation.
    const DOCUMENTED: &[(&str, &[&str])] = &[
        (
            "payment_intent",
            &[
                "created",
                "requires_action",
                "processing",
                "amount_capturable_updated",
                "succeeded",
                "payment_failed",
                "canceled",
                "partially_funded",
            ],
        ),
        ("charge", &["captured", "expired", "failed", "pending", "refunded", "succeeded", "updated"]),
        ("charge.refund", &["updated"]),
        ("refund", &["created", "updated", "failed"]),
        ("charge.dispute", &["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"]),
        ("transfer", &["created", "updated", "reversed"]),
        ("payout", &["created", "updated", "paid", "failed", "canceled", "reconciliation_completed"]),
        ("radar.early_fraud_warning", &["created", "updated"]),
        ("account", &["updated"]),
    ];

    #[test]
    fn every_documented_type_has_one_row() {
        let rows: Vec<&str> = KINDS.iter().map(|(kind, _, _)| *kind).collect();
        let documented = DOCUMENTED
            .iter()
            .flat_map(|(family, types)| types.iter().map(move |last| format!("{family}.{last}")));
        let documented: BTreeSet<String> = documented.collect();
        assert_eq!(rows.iter().map(|row| (*row).to_owned()).collect::<BTreeSet<_>>(), documented);
        assert_eq!(rows.len(), documented.len(), "each once");
        for (kind, handling, subscribed) in KINDS {
            let is_read = !matches!(handling, Ignored(_));
            assert!(is_read || !subscribed, "{kind} is subscribed to and ignored");
            if let Ignored(why) = handling {
                assert!(why.split_whitespace().count() > 4, "{kind}: {why}");
            }
        }
    }

    #[test]
    fn an_unlisted_type_is_handled_as_its_family() {
        assert_eq!(handling("payment_intent.invented_in_2030"), Payment);
        assert_eq!(handling("refund.invented_in_2030"), Refund);
        assert_eq!(handling("charge.dispute.invented_in_2030"), Dispute);
        assert_eq!(handling("charge.invented_in_2030"), Ignored(REPEATS));
        assert_eq!(handling("invoice.paid"), Ignored(NOT_OURS));
        assert_eq!(handling(""), Ignored(NOT_OURS));
    }

    #[test]
    fn the_deployment_guide_lists_the_events_to_subscribe_to() {
        let guide = include_str!("../../../../docs/deploy.md");
        let (_, after) = guide.split_once("subscribe the endpoint to these events").unwrap();
        let listed = after.split("```").nth(1).unwrap().strip_prefix("text").unwrap();
        let listed: BTreeSet<&str> = listed.split_whitespace().collect();
        assert_eq!(listed, EVENTS.iter().copied().collect());
    }
}
