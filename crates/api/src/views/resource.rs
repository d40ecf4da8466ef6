//! A resource, and what is in use of it.

use domain::{resources, rows};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Metadata;
use crate::requests::Per;
use crate::time;

/// A boat, a guide, a room, on which the slots of several products draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resource {
    pub id: Uuid,
    #[schema(example = "Catamaran")]
    pub name: String,
    /// How much there is of it, in whatever its products count.
    pub capacity: i64,
    /// When there is less of it.
    pub closures: Vec<Closure>,
    /// Otherwise slots that need it take no more bookings.
    pub active: bool,
    /// Rises with each change.
    pub version: i64,
    pub metadata: Metadata,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

/// A time in which there is less of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Closure {
    pub from: jiff::Timestamp,
    /// Excluded.
    pub to: jiff::Timestamp,
    /// What is left of the resource in this time.
    pub capacity: i64,
    pub reason: String,
}

/// What a slot takes of a resource, from when to when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalendarEntry {
    pub slot_id: Uuid,
    pub from: jiff::Timestamp,
    /// Excluded.
    pub to: jiff::Timestamp,
    pub quantity: i64,
}

/// What a slot of a product needs of a resource, as long as one of its seats is held or sold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Requirement {
    pub resource_id: Uuid,
    pub quantity: i64,
    pub per: Per,
    /// It is needed this long before the start.
    pub before_minutes: i64,
    /// And this long after the end.
    pub after_minutes: i64,
}

impl Resource {
    pub fn of(resource: &rows::Resource) -> Resource {
        let closure = |closure: &resources::ResourceClosure| Closure {
            from: time::instant(closure.from),
            to: time::instant(closure.to),
            capacity: closure.capacity,
            reason: closure.reason.clone(),
        };
        Resource {
            id: resource.id.0,
            name: resource.name.clone(),
            capacity: resource.capacity,
            closures: resource.closures.0.iter().map(closure).collect(),
            active: resource.active,
            version: resource.version,
            metadata: resource.metadata.0.clone(),
            created_at: time::instant(resource.created_at),
            updated_at: time::instant(resource.updated_at),
        }
    }
}

impl CalendarEntry {
    pub fn of(used: &resources::ResourceUse) -> CalendarEntry {
        CalendarEntry {
            slot_id: used.slot.0,
            from: time::instant(used.from),
            to: time::instant(used.to),
            quantity: used.amount,
        }
    }
}

impl Requirement {
    pub fn of(need: &resources::ResourceNeed) -> Requirement {
        let (quantity, per) =
            if need.per_seat > 0 { (need.per_seat, Per::Seat) } else { (need.per_slot, Per::Slot) };
        Requirement {
            resource_id: need.resource.0,
            quantity,
            per,
            before_minutes: need.before_minutes,
            after_minutes: need.after_minutes,
        }
    }
}
