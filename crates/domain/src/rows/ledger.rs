//! The ledger: balanced transfers of signed postings between named accounts.

use alloc::string::String;

use crate::ids::{LedgerAccountId, MessageId, PostingId, TenantId, TransferId};
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
    }
}
