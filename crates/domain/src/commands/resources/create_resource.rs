//! Create a resource.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::about;
use crate::commands::draft::{Draft, Origin};
use crate::ids::TenantId;
use crate::reply::Reply;
use crate::resources::ResourceClosure;
use crate::rows::{Actor, Facts, Needs, Resource};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct CreateResource {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub name: String,
    /// From 1 to [`crate::limits::CAPACITY_MAX`].
    pub capacity: i64,
    pub closures: Vec<ResourceClosure>,
    pub metadata: BTreeMap<String, String>,
}

impl Command for CreateResource {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }

    fn decide(&self, _: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let resource = Resource {
            id: match &self.claim {
                Some(claim) => draft.id_under(claim.key),
                None => draft.id(),
            },
            tenant: self.tenant,
            name: self.name.clone(),
            capacity: self.capacity,
            closures: Json(self.closures.clone()),
            active: true,
            metadata: Json(self.metadata.clone()),
            version: 1,
            days: 0,
            created_at: context.now,
            updated_at: context.now,
        };
        draft.audit(about(&resource), "resource_created", None, None);
        draft.put(resource.clone());
        Ok(draft.reply(Reply::Resource(Box::new(resource))))
    }
}
