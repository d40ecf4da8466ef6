//! Requests about resources.

use std::collections::BTreeSet;

use domain::ResourceId;
use domain::limits::{
    CAPACITY_MAX, DURATION_MINUTES_MAX, PREPARATION_MINUTES_MAX, RESOURCE_CLOSURES_MAX,
    RESOURCES_PER_PRODUCT_MAX,
};
use domain::resources::{ResourceClosure, ResourceNeed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use super::queries::page;
use crate::limits::{CALENDAR_DAYS_MAX, NAME_CHARS_MAX, REASON_CHARS_MAX};
use crate::time::timestamp;
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;

/// Creates a resource: a boat, a guide, a room, on which the slots of several products draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResource {
    #[schema(example = "Catamaran")]
    pub name: String,
    /// How much there is of it, in whatever its products count: boats, places, bicycles.
    pub capacity: i64,
    /// When there is less of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closures: Vec<NewClosure>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// A time in which there is less of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClosure {
    pub from: jiff::Timestamp,
    /// Excluded.
    pub to: jiff::Timestamp,
    /// What is left of the resource in this time.
    #[serde(default)]
    #[schema(default = 0)]
    pub capacity: i64,
    #[schema(example = "The boat is in the dry dock.")]
    pub reason: String,
}

/// Changes a resource; absent members stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedResource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<i64>,
    /// Replaces all closures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closures: Option<Vec<NewClosure>>,
    /// `false`: slots that need it take no more bookings. Those they have stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The `version` that the change was decided from. If the resource has another one, it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Says what each slot of a product needs of resources. It replaces what was said before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProductResources {
    /// From the start to the end of a slot.
    #[schema(example = 120)]
    pub duration_minutes: i64,
    /// Each resource once. None: the slots need nothing.
    #[serde(default)]
    pub resources: Vec<NewRequirement>,
}

/// What a slot needs of one resource, as long as one of its seats is held or sold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequirement {
    pub resource_id: Uuid,
    pub quantity: i64,
    /// `slot` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// The resource is needed this long before the start, to make it ready.
    #[serde(default)]
    #[schema(default = 0)]
    pub before_minutes: i64,
    /// And this long after the end.
    #[serde(default)]
    #[schema(default = 0)]
    pub after_minutes: i64,
}

/// `slot`: the quantity is needed once, with the first seat (a guide, a whole boat). `seat`: for each seat (a
/// place on the boat, a bicycle).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    #[default]
    Slot,
    Seat,
}

/// What is in use of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarQuery {
    pub from: jiff::Timestamp,
    /// So many times 24 hours; 7 if absent.
    pub days: Option<i64>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl NewClosure {
    pub fn row(&self) -> ResourceClosure {
        ResourceClosure {
            from: timestamp(self.from),
            to: timestamp(self.to),
            capacity: self.capacity,
            reason: self.reason.clone(),
        }
    }
}

impl NewRequirement {
    pub fn row(&self) -> ResourceNeed {
        let (per_slot, per_seat) = match self.per.unwrap_or_default() {
            Per::Slot => (self.quantity, 0),
            Per::Seat => (0, self.quantity),
        };
        ResourceNeed {
            resource: ResourceId(self.resource_id),
            per_slot,
            per_seat,
            before_minutes: self.before_minutes,
            after_minutes: self.after_minutes,
        }
    }
}

fn check_closures(findings: &mut ValidationErrors, closures: &[NewClosure]) {
    if !closures.is_empty() {
        findings.count("/closures", closures.len(), RESOURCE_CLOSURES_MAX, "closure");
    }
    for (at, closure) in closures.iter().enumerate() {
        findings.between(&format!("/closures/{at}/capacity"), closure.capacity, 0, CAPACITY_MAX);
        findings.line(&format!("/closures/{at}/reason"), &closure.reason, REASON_CHARS_MAX);
    }
}

fn check_periods(findings: &mut ValidationErrors, closures: &[NewClosure]) {
    for (at, closure) in closures.iter().enumerate() {
        if closure.to <= closure.from {
            findings.add(format!("/closures/{at}/to"), "must be later than from");
        }
    }
}

impl Request for NewResource {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.line("/name", &self.name, NAME_CHARS_MAX);
        findings.between("/capacity", self.capacity, 1, CAPACITY_MAX);
        check_closures(findings, &self.closures);
        findings.metadata(&self.metadata);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        check_periods(findings, &self.closures);
    }
}

impl Request for ChangedResource {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(name) = &self.name {
            findings.line("/name", name, NAME_CHARS_MAX);
        }
        if let Some(capacity) = self.capacity {
            findings.between("/capacity", capacity, 1, CAPACITY_MAX);
        }
        check_closures(findings, self.closures.as_deref().unwrap_or_default());
        if let Some(metadata) = &self.metadata {
            findings.metadata(metadata);
        }
        if self.version.is_some_and(|version| version < 1) {
            findings.add("/version", "must be at least 1");
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        check_periods(findings, self.closures.as_deref().unwrap_or_default());
    }
}

impl Request for NewProductResources {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.between("/duration_minutes", self.duration_minutes, 1, DURATION_MINUTES_MAX);
        if !self.resources.is_empty() {
            findings.count("/resources", self.resources.len(), RESOURCES_PER_PRODUCT_MAX, "resource");
        }
        for (at, needed) in self.resources.iter().enumerate() {
            let pointer = |member: &str| format!("/resources/{at}/{member}");
            findings.between(&pointer("quantity"), needed.quantity, 1, CAPACITY_MAX);
            findings.between(&pointer("before_minutes"), needed.before_minutes, 0, PREPARATION_MINUTES_MAX);
            findings.between(&pointer("after_minutes"), needed.after_minutes, 0, PREPARATION_MINUTES_MAX);
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        let mut seen = BTreeSet::new();
        for (at, needed) in self.resources.iter().enumerate() {
            if !seen.insert(needed.resource_id) {
                findings.add(format!("/resources/{at}/resource_id"), "is there already");
            }
        }
    }
}

impl Request for CalendarQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(days) = self.days {
            findings.between("/days", days, 1, CALENDAR_DAYS_MAX);
        }
        page(findings, self.limit, self.cursor.as_deref());
    }
}
