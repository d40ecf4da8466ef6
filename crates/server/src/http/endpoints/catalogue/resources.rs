//! Resources, and what products need of them.

pub mod change_resource;
pub mod create_resource;
pub mod get_resource;
pub mod get_resource_calendar;
pub mod list_resources;
pub mod set_product_resources;

use std::collections::BTreeSet;

use domain::TenantId;
use domain::rows::{Product, Resource, ResourceDay, Slot};

use crate::http::App;

/// The resources that the slots need, on the days on which they need them.
pub async fn needed(
    app: &App,
    tenant: TenantId,
    slots: &[Slot],
    products: &[Product],
) -> Result<(Vec<Resource>, Vec<ResourceDay>), store::Error> {
    let mut days = BTreeSet::new();
    let mut resources = BTreeSet::new();
    for slot in slots {
        let Some(product) = products.iter().find(|product| product.id == slot.product) else { continue };
        for (resource, day) in domain::resources::days_of(slot, product) {
            resources.insert(resource);
            days.insert(day);
        }
    }
    if days.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let ids: Vec<_> = resources.into_iter().collect();
    let resources = app.store().resources_by_ids(tenant, &ids).await?;
    let days = app.store().resource_days_by_ids(tenant, &days.into_iter().collect::<Vec<_>>()).await?;
    Ok((resources, days))
}
