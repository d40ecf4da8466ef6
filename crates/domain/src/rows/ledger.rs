//! The ledger: balanced transfers of signed postings between named accounts.

use alloc::string::String;

use crate::ids::{
    DayBalanceId, LedgerAccountId, LedgerClosingId, MessageId, PostingId, TenantId, TransferId,
};
use crate::money::Currency;
use crate::time::Timestamp;

crate::row! {
    /// One account in one currency. The balance is the sum of its postings; debits are positive.
    LedgerAccount in "ledger_accounts" as lock {
        key id: LedgerAccountId,
        fixed tenant: TenantId,
        fixed name: String,
        fixed currency: Currency,
        guard balance_minor: i64,
        fixed created_at: Timestamp,
        /// The time of its latest posting.
        moves moved_at: Timestamp,
    }
}

crate::row! {
    /// What an account had at the end of a day on which it moved. It is written by the account's first posting
    /// of a later day, and never changes.
    DayBalance in "day_balances" as append {
        key id: DayBalanceId,
        fixed tenant: TenantId,
        fixed account: LedgerAccountId,
        /// The first instant of the next day.
        fixed ends_at: Timestamp,
        fixed balance_minor: i64,
    }
}

crate::row! {
    /// How far a tenant's ledger is closed. Each posting locks it, so that none is in flight while a day is
    /// closed.
    LedgerClosing in "ledger_closings" as lock {
        key id: LedgerClosingId,
        fixed tenant: TenantId,
        /// No posting is dated before this instant any more. `None` if no day was closed.
        moves closed_before: Option<Timestamp>,
        /// When that day was closed.
        moves closed_at: Option<Timestamp>,
        fixed created_at: Timestamp,
    }
}

crate::row! {
    /// The transfer of one movement of money. Its id is hashed from the movement, so there is only one.
    Transfer in "transfers" as lock, side_effects crate::side_effects::of_transfer {
        key id: TransferId,
        fixed tenant: TenantId,
        fixed kind: String,
        fixed movement: String,
        fixed message: MessageId,
        /// When it was posted; never in a closed day, and never earlier than another posting to one of its
        /// accounts.
        fixed posted_at: Timestamp,
        /// The payment or refund of the movement. Its message is deleted after a time.
        fixed subject: uuid::Uuid,
    }
}

crate::row! {
    /// One leg of a transfer. The legs of a transfer sum to zero.
    Posting in "postings" as append {
        key id: PostingId,
        fixed tenant: TenantId,
        fixed transfer: TransferId,
        fixed account: LedgerAccountId,
        fixed amount_minor: i64,
        fixed currency: Currency,
        /// The transfer's time, for the search by account and time.
        fixed posted_at: Timestamp,
    }
}

impl LedgerClosing {
    /// No day is closed yet.
    pub fn none(tenant: TenantId, now: Timestamp) -> LedgerClosing {
        let id = LedgerClosingId::of(tenant);
        LedgerClosing { id, tenant, closed_before: None, closed_at: None, created_at: now }
    }
}

impl LedgerAccount {
    /// The balance at the end of the day of its latest posting, if `next` is on a later day.
    pub fn day_before(&self, next: Timestamp) -> Option<DayBalance> {
        let ends_at = self.moved_at.day_end();
        (ends_at <= next).then(|| DayBalance {
            id: DayBalanceId::of(self.id, ends_at),
            tenant: self.tenant,
            account: self.id,
            ends_at,
            balance_minor: self.balance_minor,
        })
    }
}
