//! Commands of operators: provision, change, rename and archive tenants, close their ledgers, add and revoke
//! API keys, resolve review cases.

mod api_keys;
mod archive_tenant;
mod change_settings;
mod close_ledger;
mod provision;
mod rename_tenant;
mod resolve_review;

pub use api_keys::{AddApiKey, KeyOwner, OPS_SCOPE, RevokeApiKey};
pub use archive_tenant::ArchiveTenant;
pub use change_settings::{ChangeSettings, SettingsChange};
pub use close_ledger::CloseLedger;
pub use provision::Provision;
pub use rename_tenant::RenameTenant;
pub use resolve_review::ResolveReview;

use crate::commands::draft::About;
use crate::ids::TenantId;
use crate::rows::Subject;

fn about_tenant(tenant: TenantId) -> About {
    About { tenant, kind: Subject::Tenant, id: tenant.0 }
}
