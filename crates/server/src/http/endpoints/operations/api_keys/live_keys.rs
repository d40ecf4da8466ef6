//! What making a key and revoking one have in common.

use domain::commands::Origin;
use domain::limits::API_KEYS_MAX;
use domain::{ApiKeyId, ClientId, rows};

use crate::http::{App, RefusedRequest, RequestId};

pub fn origin(client: ClientId, request_id: &RequestId) -> Origin {
    Origin { request_id: Some(request_id.as_str().to_owned()), ..Origin::of(rows::Actor::Client(client)) }
}

/// One more than there may be, should a tenant have been set up with more: what is beyond is not
/// counted, and a last key is rather kept than lost.
pub async fn live(app: &App, tenant: domain::TenantId) -> Result<Vec<ApiKeyId>, RefusedRequest> {
    let keys = app.store().live_api_keys(tenant, API_KEYS_MAX + 1).await?;
    Ok(keys.into_iter().map(|key| key.id).collect())
}
