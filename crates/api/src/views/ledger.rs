//! The outside form of the ledger: accounts with their balances, and balanced transfers.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Money, time};

/// One account in one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LedgerAccount {
    pub id: Uuid,
    pub name: String,
    /// The sum of its postings, or of those before `as_of`; debits are positive.
    pub balance: Money,
    pub created_at: jiff::Timestamp,
}

/// What an account had at the beginning and at the end of a period, and a page of the postings in between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountStatement {
    pub account_id: Uuid,
    /// The account's name.
    pub name: String,
    pub from: jiff::Timestamp,
    pub to: jiff::Timestamp,
    /// Debits are positive.
    pub opening: Money,
    /// `opening` and all postings of the period, those of other pages as well.
    pub closing: Money,
    /// Oldest first.
    pub data: Vec<StatementPosting>,
    /// The `cursor` of the next page; null on the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// One posting to the account of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementPosting {
    pub id: Uuid,
    pub posted_at: jiff::Timestamp,
    /// The kind of movement, such as `payment.captured`.
    pub kind: String,
    /// The payment, refund, booking or payout that moved.
    pub subject_id: Uuid,
    pub transfer_id: Uuid,
    /// Debits are positive.
    pub amount: Money,
}

/// How far a tenant's ledger is closed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LedgerClosing {
    /// The last closed day, in UTC. Every earlier day is closed as well. Null if no day is.
    pub through: Option<jiff::civil::Date>,
    /// When it was closed.
    pub closed_at: Option<jiff::Timestamp>,
}

/// The meaning of one movement of money. Its postings sum to zero in each currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    pub id: Uuid,
    pub kind: String,
    /// The movement that caused it; each movement has one transfer.
    pub movement: String,
    pub posted_at: jiff::Timestamp,
    pub postings: Vec<Posting>,
}

/// One leg of a transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Posting {
    pub id: Uuid,
    pub account_id: Uuid,
    pub amount: Money,
}

impl LedgerAccount {
    pub fn of(account: &rows::LedgerAccount) -> LedgerAccount {
        LedgerAccount {
            id: account.id.0,
            name: account.name.clone(),
            balance: Money::new(account.balance_minor, account.currency),
            created_at: time::instant(account.created_at),
        }
    }
}

impl Transfer {
    pub fn of(transfer: &rows::Transfer, postings: &[rows::Posting]) -> Transfer {
        Transfer {
            id: transfer.id.0,
            kind: transfer.kind.clone(),
            movement: transfer.movement.clone(),
            posted_at: time::instant(transfer.posted_at),
            postings: postings.iter().map(Posting::of).collect(),
        }
    }
}

impl Posting {
    fn of(posting: &rows::Posting) -> Posting {
        Posting {
            id: posting.id.0,
            account_id: posting.account.0,
            amount: Money::new(posting.amount_minor, posting.currency),
        }
    }
}

impl LedgerClosing {
    pub fn of(closing: &rows::LedgerClosing) -> LedgerClosing {
        LedgerClosing {
            through: closing.closed_before.map(time::day_that_ends_at),
            closed_at: closing.closed_at.map(time::instant),
        }
    }

    /// No day is closed.
    pub const NONE: LedgerClosing = LedgerClosing { through: None, closed_at: None };
}
