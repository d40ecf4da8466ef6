//! The comparison of the provider's books with ours.

pub mod accept_difference;
pub mod get_reconciliation;
pub mod list_differences;
pub mod list_reconciliations;
pub mod start_reconciliation;

use domain::rows::Mode;
use domain::{AccountId, TenantId};

use crate::http::App;

/// The tenant's accounts of the key's mode, in any process.
async fn accounts(app: &App, tenant: TenantId, mode: Mode) -> Result<Vec<AccountId>, store::Error> {
    let accounts = app.store().accounts_of(tenant).await?;
    Ok(accounts.into_iter().filter(|account| account.mode == mode).map(|account| account.id).collect())
}
