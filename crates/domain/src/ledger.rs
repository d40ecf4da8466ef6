//! The ledger's rules: which messages move money, and between which accounts.
//!
//! | message | debit | credit |
//! |---|---|---|
//! | `payment.captured` | `provider/...` | `deferred_revenue`, or `sales` without a booking |
//! | `refund.succeeded` | `deferred_revenue`, or `sales` | `provider/...` |
//! | `refund.reversed` | `provider/...` | `deferred_revenue`, or `sales` |
//! | `payment.contradicted` | `provider/...` | `suspense` |
//! | `refund.contradicted` | `suspense` | `provider/...` |
//!
//! Debits are positive. `provider/<name>/<account>` is what the provider holds for the tenant. Every
//! entry sums to zero, and its id is hashed from the movement, so a movement is posted once.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Deserialize;
use uuid::Uuid;

use crate::ids::{TenantId, TransferId};
use crate::money::{Currency, Money};
use crate::rows::Message;

/// One side of an entry; debits are positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    pub account: String,
    pub amount_minor: i64,
}

/// A balanced transfer in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub movement: String,
    pub currency: Currency,
    pub legs: Vec<Leg>,
}

impl Entry {
    pub fn id(&self, tenant: TenantId) -> TransferId {
        TransferId::of(tenant, &self.movement)
    }
}

/// The kinds of messages that are posted.
pub const POSTED: [&str; 5] = [
    "payment.captured",
    "refund.succeeded",
    "refund.reversed",
    "payment.contradicted",
    "refund.contradicted",
];

#[derive(Deserialize)]
struct Moved {
    movement: String,
    moved: Money,
    provider: String,
    account_id: Uuid,
    booking_id: Option<Uuid>,
}

/// What a message means in the books; `None` if it moves no money.
pub fn entry(message: &Message) -> Option<Entry> {
    if !POSTED.contains(&message.kind.as_str()) {
        return None;
    }
    let moved: Moved = serde_json::from_str(&message.payload).ok()?;
    let provider = format!("provider/{}/{}", moved.provider, moved.account_id);
    let income = if moved.booking_id.is_some() { "deferred_revenue" } else { "sales" }.to_owned();
    let (debit, credit) = match message.kind.as_str() {
        "refund.succeeded" => (income, provider),
        "payment.contradicted" => (provider, "suspense".to_owned()),
        "refund.contradicted" => ("suspense".to_owned(), provider),
        _ => (provider, income),
    };
    let minor = moved.moved.minor;
    Some(Entry {
        movement: moved.movement,
        currency: moved.moved.currency,
        legs: alloc::vec![
            Leg { account: debit, amount_minor: minor },
            Leg { account: credit, amount_minor: -minor },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use crate::rows::Subject;
    use crate::time::Timestamp;
    use alloc::string::ToString as _;
    use alloc::vec;

    fn message(kind: &str, booking: Option<Uuid>) -> Message {
        let payload = serde_json::json!({
            "movement": format!("{kind}/1"),
            "moved": Money::new(500, Currency::EUR),
            "provider": "stripe",
            "account_id": Uuid::nil(),
            "booking_id": booking,
            "state": "captured",
        });
        Message {
            id: MessageId(Uuid::nil()),
            tenant: TenantId(Uuid::nil()),
            subject_kind: Subject::Payment,
            subject: Uuid::nil(),
            seq: 1,
            kind: kind.to_owned(),
            payload: payload.to_string(),
            created_at: Timestamp(0),
            position: None,
            relayed_at: None,
        }
    }

    #[test]
    fn each_movement_debits_one_account_and_credits_another() {
        let provider = format!("provider/stripe/{}", Uuid::nil());
        let check = |kind: &str, booking: Option<Uuid>, debit: &str, credit: &str| {
            let entry = entry(&message(kind, booking)).unwrap();
            let leg = |account: &str, amount_minor| Leg { account: account.to_owned(), amount_minor };
            assert_eq!(entry.legs, vec![leg(debit, 500), leg(credit, -500)], "{kind}");
            assert_eq!((entry.movement, entry.currency), (format!("{kind}/1"), Currency::EUR));
        };
        let booking = Some(Uuid::max());
        check("payment.captured", booking, &provider, "deferred_revenue");
        check("payment.captured", None, &provider, "sales");
        check("refund.succeeded", booking, "deferred_revenue", &provider);
        check("refund.succeeded", None, "sales", &provider);
        check("refund.reversed", booking, &provider, "deferred_revenue");
        check("payment.contradicted", booking, &provider, "suspense");
        check("refund.contradicted", booking, "suspense", &provider);
    }

    #[test]
    fn what_moves_no_money_is_not_posted() {
        for kind in
            ["payment.authorized", "payment.failed", "refund.pending", "refund.failed", "booking.held"]
        {
            assert_eq!(entry(&message(kind, None)), None, "{kind}");
        }
    }

    #[test]
    fn a_movement_has_one_transfer_a_tenant() {
        let entry = entry(&message("payment.captured", None)).unwrap();
        let [one, other] = [TenantId(Uuid::nil()), TenantId(Uuid::max())];
        assert_eq!(entry.id(one), entry.id(one));
        assert_ne!(entry.id(one), entry.id(other));
    }
}
