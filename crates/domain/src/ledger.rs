//! The ledger's rules: which messages move money, and between which accounts.
//!
//! | message | debit | credit |
//! |---|---|---|
//! | `payment.captured` | `provider/...` | `deferred_revenue`, or `sales` without a booking |
//! | `refund.succeeded` | `deferred_revenue`, or `sales` | `provider/...` |
//! | `refund.reversed` | `provider/...` | `deferred_revenue`, or `sales` |
//! | `payment.disputed` | `disputes` | `provider/...` |
//! | `payment.dispute_reversed` | `provider/...` | `disputes` |
//! | `payment.contradicted` | `provider/...` | `suspense` |
//! | `refund.contradicted` | `suspense` | `provider/...` |
//!
//! Debits are positive. `provider/<name>/<account>` is what the provider holds for the tenant. Every
//! entry sums to zero, and its id is hashed from the movement, so a movement is posted once.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use serde::Deserialize;
use uuid::Uuid;

use crate::ids::{TenantId, TransferId};
use crate::money::{Currency, Money};
use crate::rows::Message;

/// One side of an entry; debits are positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLeg {
    pub account: String,
    pub amount_minor: i64,
}

/// A balanced transfer that is not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    pub movement: String,
    pub currency: Currency,
    pub legs: Vec<LedgerLeg>,
}

impl LedgerEntry {
    pub fn id(&self, tenant: TenantId) -> TransferId {
        TransferId::of(tenant, &self.movement)
    }
}

/// The kinds of messages that are posted.
pub const POSTED: [&str; 7] = [
    "payment.captured",
    "payment.disputed",
    "payment.dispute_reversed",
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

/// A message that moves money and has no readable amount. It must become visible, never be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the payload cannot be read: {}", self.why)
    }
}

impl core::error::Error for Unreadable {}

/// The transfer of a message. `None` if it moves no money.
pub fn entry(message: &Message) -> Result<Option<LedgerEntry>, Unreadable> {
    if !POSTED.contains(&message.kind.as_str()) {
        return Ok(None);
    }
    let moved: Moved =
        serde_json::from_str(&message.payload).map_err(|why| Unreadable { why: why.to_string() })?;
    let provider = format!("provider/{}/{}", moved.provider, moved.account_id);
    let income = if moved.booking_id.is_some() { "deferred_revenue" } else { "sales" }.to_owned();
    let (debit, credit) = match message.kind.as_str() {
        "refund.succeeded" => (income, provider),
        "payment.disputed" => ("disputes".to_owned(), provider),
        "payment.dispute_reversed" => (provider, "disputes".to_owned()),
        "payment.contradicted" => (provider, "suspense".to_owned()),
        "refund.contradicted" => ("suspense".to_owned(), provider),
        _ => (provider, income),
    };
    let minor = moved.moved.minor;
    Ok(Some(LedgerEntry {
        movement: moved.movement,
        currency: moved.moved.currency,
        legs: alloc::vec![
            LedgerLeg { account: debit, amount_minor: minor },
            LedgerLeg { account: credit, amount_minor: -minor },
        ],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use crate::rows::Subject;
    use crate::time::Timestamp;
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
            partition: 0,
            position: None,
            published: 0,
            published_at: None,
            received_at: None,
        }
    }

    #[test]
    fn each_movement_debits_one_account_and_credits_another() {
        let provider = format!("provider/stripe/{}", Uuid::nil());
        let check = |kind: &str, booking: Option<Uuid>, debit: &str, credit: &str| {
            let entry = entry(&message(kind, booking)).unwrap().unwrap();
            let leg = |account: &str, amount_minor| LedgerLeg { account: account.to_owned(), amount_minor };
            assert_eq!(entry.legs, vec![leg(debit, 500), leg(credit, -500)], "{kind}");
            assert_eq!((entry.movement, entry.currency), (format!("{kind}/1"), Currency::EUR));
        };
        let booking = Some(Uuid::max());
        check("payment.captured", booking, &provider, "deferred_revenue");
        check("payment.captured", None, &provider, "sales");
        check("refund.succeeded", booking, "deferred_revenue", &provider);
        check("refund.succeeded", None, "sales", &provider);
        check("refund.reversed", booking, &provider, "deferred_revenue");
        check("payment.disputed", booking, "disputes", &provider);
        check("payment.dispute_reversed", booking, &provider, "disputes");
        check("payment.contradicted", booking, &provider, "suspense");
        check("refund.contradicted", booking, "suspense", &provider);
    }

    #[test]
    fn what_moves_no_money_is_not_posted() {
        for kind in
            ["payment.authorized", "payment.failed", "refund.pending", "refund.failed", "booking.held"]
        {
            assert_eq!(entry(&message(kind, None)), Ok(None), "{kind}");
        }
    }

    #[test]
    fn what_moves_money_and_cannot_be_read_is_an_error() {
        for payload in ["", "{}", "null", r#"{"movement": "m", "moved": {"minor": 1.5, "currency": "EUR"}}"#]
        {
            for kind in POSTED {
                let poison = Message { payload: payload.to_owned(), ..message(kind, None) };
                assert!(entry(&poison).is_err(), "{kind}: {payload}");
            }
            let harmless = Message { payload: payload.to_owned(), ..message("booking.held", None) };
            assert_eq!(entry(&harmless), Ok(None));
        }
    }

    #[test]
    fn a_movement_has_one_transfer_a_tenant() {
        let entry = entry(&message("payment.captured", None)).unwrap().unwrap();
        let [one, other] = [TenantId(Uuid::nil()), TenantId(Uuid::max())];
        assert_eq!(entry.id(one), entry.id(one));
        assert_ne!(entry.id(one), entry.id(other));
    }
}
