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
