//! Resources, and what is in use of them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{ResourceDayId, ResourceId, TenantId};
use crate::resources::{ResourceClosure, ResourceUse};
use crate::time::Timestamp;
use crate::working_set::Json;

crate::row! {
    /// A boat, a guide, a room. Its lock is held by whoever takes or gives back what is counted of it.
    Resource in "resources" as lock {
        key id: ResourceId,
        fixed tenant: TenantId,
        moves name: String,
        /// How much there is of it, in whatever its products count: boats, places, bicycles.
        moves capacity: i64,
        /// When there is less of it.
        moves closures: Json<Vec<ResourceClosure>>,
        /// Otherwise it takes no more bookings.
        moves active: bool,
        moves metadata: Json<BTreeMap<String, String>>,
        /// Counts the changes of people.
        guard version: i64,
        /// How many days it has, so that a change knows whether a query has seen all of them.
        guard days: i64,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}

crate::row! {
    /// One day of a resource, in UTC. It is made with the first use, and stays.
    ResourceDay in "resource_days" as lock {
        key id: ResourceDayId,
        fixed tenant: TenantId,
        fixed resource: ResourceId,
        /// Counted from the first of 1970.
        fixed day: i64,
        /// Those that have a part of the day.
        moves uses: Json<Vec<ResourceUse>>,
        /// Counts the changes.
        guard changes: i64,
    }
}

impl ResourceDay {
    pub(crate) fn new(resource: &Resource, day: i64) -> ResourceDay {
        ResourceDay {
            id: ResourceDayId::of(resource.id, day),
            tenant: resource.tenant,
            resource: resource.id,
            day,
            uses: Json(Vec::new()),
            changes: 1,
        }
    }
}
