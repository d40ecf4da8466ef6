//! Resources: commands that create and change them, and say what a product needs of them.

mod change_resource;
mod create_resource;
mod set_product_resources;

pub use change_resource::ChangeResource;
pub use create_resource::CreateResource;
pub use set_product_resources::SetProductResources;

use crate::commands::draft::About;
use crate::rows::{Resource, Subject};

fn about(resource: &Resource) -> About {
    About { tenant: resource.tenant, kind: Subject::Resource, id: resource.id.0 }
}
