//! The customers that we have made at providers, to keep payment methods for.

use alloc::string::String;

use crate::ids::{AccountId, CustomerId, ProviderCustomerId, TenantId};
use crate::time::Timestamp;

crate::row! {
    /// A customer at one account of a provider. It has no personal data: `customer` is a hash, and the provider's
    /// object carries nothing else of the person.
    ProviderCustomer in "provider_customers" as read {
        key id: ProviderCustomerId,
        fixed tenant: TenantId,
        fixed account: AccountId,
        fixed customer: CustomerId,
        /// The provider's id, committed before its first use. `None`: the provider does not have it any more.
        moves object: Option<String>,
        /// Counts the changes, so that the second of two concurrent changes has no effect. The provider's
        /// idempotency key carries it.
        guard version: i64,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}
