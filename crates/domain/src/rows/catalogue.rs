//! What is sold: products, their units with prices, and dated slots with seats.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cancellation_policy::CancellationRules;
use crate::ids::{CancellationPolicyId, ProductId, ScheduleId, SlotId, TenantId, UnitId};
use crate::money::Currency;
use crate::resources::{Allocation, ResourceNeed};
use crate::split::SplitRule;
use crate::tax::TaxRule;
use crate::time::Timestamp;
use crate::working_set::Json;

crate::row! {
    Product in "products" as read {
        key id: ProductId,
        fixed tenant: TenantId,
        moves name: String,
        moves description: String,
        /// The IANA time zone of the departures.
        fixed time_zone: String,
        fixed currency: Currency,
        moves active: bool,
        /// How the money of its bookings is divided. `None`: it all belongs to the tenant.
        moves split: Option<Json<SplitRule>>,
        moves metadata: Json<BTreeMap<String, String>>,
        /// Counts changes, so that of two concurrent changes one is refused.
        guard version: i64,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
        /// What customers get back who cancel. `None`: nothing.
        moves cancellation_policy: Option<Json<CancellationRules>>,
        /// From the start to the end of a slot. `None`: unknown.
        moves duration_minutes: Option<i64>,
        /// What each slot needs of resources. `None`: nothing.
        moves resources: Option<Json<Vec<ResourceNeed>>>,
        /// The taxes of its tickets, at most [`crate::limits::TAXES_MAX`].
        moves taxes: Json<Vec<TaxRule>>,
    }
}

impl Product {
    /// The policy that a booking of now is made under.
    pub fn policy(&self) -> Option<CancellationPolicyId> {
        let policy = self.cancellation_policy.as_ref()?;
        Some(CancellationPolicyId::of(self.tenant, &policy.0))
    }
}

crate::row! {
    /// A cancellation policy that a product has or had. It never changes, so bookings name the one they were made
    /// under. Its id is hashed from its rules.
    StoredPolicy in "cancellation_policies" as read {
        key id: CancellationPolicyId,
        fixed tenant: TenantId,
        fixed rules: Json<CancellationRules>,
        fixed created_at: Timestamp,
    }
}

crate::row! {
    /// One kind of ticket.
    Unit in "units" as read {
        key id: UnitId,
        fixed tenant: TenantId,
        fixed product: ProductId,
        moves name: String,
        moves price_minor: i64,
        /// The seats of one ticket.
        fixed seats: i64,
        moves active: bool,
        guard version: i64,
    }
}

crate::row! {
    /// A dated departure. `held` and `sold` are the seats of its items in these states; their sum
    /// never exceeds `capacity`: the lock keeps it, the guards stand behind the lock, and a CHECK
    /// behind the guards.
    Slot in "slots" as lock {
        key id: SlotId,
        fixed tenant: TenantId,
        fixed product: ProductId,
        fixed starts_at: Timestamp,
        moves capacity: i64,
        guard held: i64,
        guard sold: i64,
        /// No new reservations.
        moves closed: bool,
        fixed created_at: Timestamp,
        /// What made it. `None`: a person added it.
        moves schedule: Option<ScheduleId>,
        /// Closed by its schedule, which no longer makes it. It may open it again.
        moves withdrawn: bool,
        /// What it needs of resources, fixed with the first of the seats that are taken now.
        moves allocations: Option<Json<Vec<Allocation>>>,
    }
}

impl Slot {
    pub fn vacancies(&self) -> i64 {
        (self.capacity - self.held - self.sold).max(0)
    }
}
