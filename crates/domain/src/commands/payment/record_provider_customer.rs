//! Record a customer at a provider: its id is committed before its first use, so that every payment of this
//! customer uses one.

use alloc::string::String;

use crate::commands::draft::{Draft, Origin};
use crate::ids::{AccountId, CustomerId, ProviderCustomerId, TenantId};
use crate::rows::{Actor, Facts, Needs, ProviderCustomer};
use crate::working_set::{Command, Context, DecisionResult};

/// Has no effect if somebody else changed the row since it was read: the row then says what to use.
#[derive(Clone, Debug)]
pub struct RecordProviderCustomer {
    pub tenant: TenantId,
    pub account: AccountId,
    pub customer: CustomerId,
    /// The version of the row as it was read; 0 if there was none.
    pub version: i64,
    /// The provider's id. `None`: the provider has lost the customer, and the next payment makes another.
    pub object: Option<String>,
}

impl RecordProviderCustomer {
    fn id(&self) -> ProviderCustomerId {
        ProviderCustomerId::of(self.account, self.customer)
    }
}

impl Command for RecordProviderCustomer {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.provider_customer(self.id());
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let row = facts.provider_customers.get(self.id()).cloned();
        if row.as_ref().map_or(0, |row| row.version) != self.version {
            return Ok(draft.done());
        }
        let row = row.unwrap_or_else(|| ProviderCustomer {
            id: self.id(),
            tenant: self.tenant,
            account: self.account,
            customer: self.customer,
            object: None,
            version: 0,
            created_at: context.now,
            updated_at: context.now,
        });
        draft.put(ProviderCustomer {
            object: self.object.clone(),
            version: row.version + 1,
            updated_at: context.now,
            ..row
        });
        Ok(draft.done())
    }
}
