//! Change a resource.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::about;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ResourceDayId, ResourceId, TenantId};
use crate::limits::RESOURCE_DAYS_MAX;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::resources::{ResourceClosure, ResourceUse};
use crate::rows::{Actor, Facts, Needs, Resource};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// A field that is `None` stays as it is. Refused if the slots with bookings would need more than there is then.
#[derive(Clone, Debug)]
pub struct ChangeResource {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub resource: ResourceId,
    pub name: Option<String>,
    pub capacity: Option<i64>,
    /// All of them.
    pub closures: Option<Vec<ResourceClosure>>,
    pub active: Option<bool>,
    pub metadata: Option<BTreeMap<String, String>>,
    /// The version that the change was decided from, if the request says it.
    pub version: Option<i64>,
    /// How many days the resource had before a query found `days_ahead`.
    pub days: i64,
    /// Its days from today on, at most [`RESOURCE_DAYS_MAX`].
    pub days_ahead: Vec<ResourceDayId>,
}

impl ChangeResource {
    fn changed(&self, resource: &Resource, context: &Context<'_>) -> Resource {
        Resource {
            name: self.name.clone().unwrap_or_else(|| resource.name.clone()),
            capacity: self.capacity.unwrap_or(resource.capacity),
            closures: self.closures.clone().map_or_else(|| resource.closures.clone(), Json),
            active: self.active.unwrap_or(resource.active),
            metadata: self.metadata.clone().map_or_else(|| resource.metadata.clone(), Json),
            version: resource.version + 1,
            updated_at: context.now,
            ..resource.clone()
        }
    }

    /// Refuses a resource that has less than is in use of it. What is over does not count.
    fn check(&self, changed: &Resource, facts: &Facts, context: &Context<'_>) -> Result<(), Refusal> {
        if self.capacity.is_none() && self.closures.is_none() {
            return Ok(());
        }
        let days = self.days_ahead.iter().filter_map(|id| facts.resource_days.get(*id));
        let uses: Vec<&ResourceUse> =
            days.flat_map(|day| &day.uses.0).filter(|used| used.to > context.now).collect();
        let overbooked = changed.overbooked(&uses);
        let uncounted = uses.last().copied().filter(|_| self.days_ahead.len() >= RESOURCE_DAYS_MAX);
        match overbooked.or(uncounted) {
            Some(used) => Err(Refusal::ResourceIsInUse { slot: used.slot.0 }),
            None => Ok(()),
        }
    }
}

impl Command for ChangeResource {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for day in &self.days_ahead {
            rows.resource_day(*day);
        }
        rows.resource(self.resource);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let own = |resource: &&Resource| resource.tenant == self.tenant;
        let missing = Refusal::ResourceNotFound { resource: self.resource.0 };
        let resource = facts.resources.get(self.resource).filter(own).ok_or(missing)?;
        let is_outdated = self.version.is_some_and(|version| version != resource.version);
        if is_outdated || resource.days != self.days {
            return Err(Refusal::ChangedMeanwhile);
        }
        let resource = self.changed(resource, context);
        self.check(&resource, facts, context)?;
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        draft.audit(about(&resource), "resource_changed", None, None);
        draft.put(resource.clone());
        Ok(draft.reply(Reply::Resource(Box::new(resource))))
    }
}
