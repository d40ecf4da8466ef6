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
    /// The sum of its postings; debits are positive.
    pub balance: Money,
    pub created_at: jiff::Timestamp,
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
