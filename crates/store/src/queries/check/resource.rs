//! What is in use of resources, against the slots that need them. The lists are JSON, which the engines read by
//! different functions, so they are compared here.

use std::collections::{BTreeMap, BTreeSet};

use domain::ResourceId;
use domain::resources::{ResourceUse, days};
use domain::rows::{Resource, ResourceDay, Slot};

use super::Finding;
use crate::Error;
use crate::queries::Queries;

/// A use with the resource and the day on which it is listed.
type Listed = (ResourceId, i64, domain::SlotId, i64, i64, i64);

fn listed(resource: ResourceId, day: i64, used: &ResourceUse) -> Listed {
    (resource, day, used.slot, used.from.0, used.to.0, used.amount)
}

impl Queries {
    /// Reads every slot that has seats taken and needs resources.
    pub(super) async fn check_resources(&self) -> Result<Finding, Error> {
        let resources: Vec<Resource> = self.rows("where 1 = 1", vec![]).await?;
        let slots: Vec<Slot> = self.rows("where allocations is not null and held + sold > 0", vec![]).await?;
        let rows: Vec<ResourceDay> = self.rows("where uses <> '[]'", vec![]).await?;
        let mut needed: BTreeSet<Listed> = BTreeSet::new();
        let mut uses: BTreeMap<ResourceId, Vec<ResourceUse>> = BTreeMap::new();
        for slot in &slots {
            for (resource, used) in slot.uses() {
                needed.extend(days(used.from, used.to).map(|day| listed(resource, day, &used)));
                uses.entry(resource).or_default().push(used);
            }
        }
        let on_days =
            rows.iter().flat_map(|row| row.uses.0.iter().map(|used| listed(row.resource, row.day, used)));
        let on_days: BTreeSet<Listed> = on_days.collect();
        let differs = |(resource, day, slot, ..): &Listed| {
            format!("{resource}: day {day} does not list exactly what slot {slot} needs of it")
        };
        let mut broken: Vec<String> = needed.symmetric_difference(&on_days).map(differs).collect();
        for resource in &resources {
            // A change counts what was not over then.
            let counts = |used: &&ResourceUse| used.to > resource.updated_at;
            let uses: Vec<&ResourceUse> =
                uses.get(&resource.id).into_iter().flatten().filter(counts).collect();
            if let Some(used) = resource.overbooked(&uses) {
                broken
                    .push(format!("{}: slot {} and others need more than there is", resource.id, used.slot));
            }
        }
        Ok(Finding {
            invariant: "never_oversold",
            promise: "a resource lists what the slots with bookings need, which is never more than there is",
            counted: (resources.len() + needed.len()) as i64,
            broken,
        })
    }
}
