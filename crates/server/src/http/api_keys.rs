//! `/v1/ops/api_keys`: how keys are rotated. Make one, let the client use it, revoke the old one.
//!
//! What must never be here: a secret in the store, in a log, or in any answer but that of
//! [`create`].

use api::requests::{ListQuery, NewApiKey, Scope};
use api::views::{ApiKey, ShownApiKey};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::commands::{AddApiKey, KeyOwner, Origin, RevokeApiKey};
use domain::limits::API_KEYS_MAX;
use domain::{ApiKeyId, ClientId, Refusal, Reply, rows};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use store::CommandResult;
use store::queries::Cursor;

use super::answer::{Handled, handled};
use super::idempotency_cache::submit;
use super::listing::{cursor, limit, page};
use super::permission::Ops;
use super::read_request::{JSON, QueryParameters, ReadRequest, found};
use super::write_request::{Id, Unkeyed};
use super::{App, RefusedRequest, RequestId, secret};

/// Against others who change the tenant at the same moment.
const TRIES_MAX: usize = 5;

pub async fn list(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let caller = look.caller;
    let keys = app.store().api_keys_of(caller.tenant, caller.mode, after, limit + 1).await?;
    let at = |(key, _): &(rows::ApiKey, _)| Cursor { created_at: key.created_at, id: key.id.0 };
    Ok(found(&page(keys, limit, at, |(key, client)| ApiKey::of(&key, &client))))
}

/// `POST /v1/ops/api_keys`
pub async fn create(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    call: Unkeyed<Ops, NewApiKey>,
) -> Handled {
    let Unkeyed { caller, request, .. } = call;
    // Nobody makes a key that may do more than the one it was made with.
    for scope in &request.scopes {
        caller.may(&[*scope])?;
    }
    let secret = secret::new(caller.mode);
    let mut command = AddApiKey {
        tenant: caller.tenant,
        origin: origin(caller.client, &request_id),
        owner: owner(&request),
        hash: secret::hash(&secret),
        scopes: request.scopes.iter().copied().map(Scope::name).map(str::to_owned).collect(),
        mode: caller.mode,
        tenant_version: 0,
        live: Vec::new(),
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let tenant = app.store().tenant(caller.tenant).await?.ok_or(Refusal::ClientNotFound)?;
        command.tenant_version = tenant.version;
        command.live = live(&app, caller.tenant).await?;
        match app.store().submit(Box::new(command.clone())).await? {
            CommandResult::Fresh { reply: Reply::ApiKey(made), .. } => {
                return Ok(shown(ApiKey::of(&made.0, &made.1), secret));
            }
            CommandResult::Refused { refusal: Refusal::ChangedMeanwhile, .. } if tries < TRIES_MAX => {}
            answer => return handled(answer),
        }
    }
}

/// `POST /v1/ops/api_keys/{id}/revoke`. Other processes believe the key until their memory of it has
/// lapsed.
pub async fn revoke(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    look: ReadRequest<Ops>,
    Id(id): Id,
) -> Handled {
    let caller = look.caller;
    let command = RevokeApiKey {
        tenant: caller.tenant,
        origin: origin(caller.client, &request_id),
        mode: caller.mode,
        key: ApiKeyId(id),
        live: live(&app, caller.tenant).await?,
    };
    let answer = submit(&app, command).await;
    // Whatever came of it: an outcome that is not known may be a key that is revoked.
    app.known_keys.forget();
    answer
}

fn origin(client: ClientId, request_id: &RequestId) -> Origin {
    Origin { request_id: Some(request_id.as_str().to_owned()), ..Origin::of(rows::Actor::Client(client)) }
}

/// One more than there may be, should a tenant have been set up with more: what is beyond is not
/// counted, and a last key is rather kept than lost.
async fn live(app: &App, tenant: domain::TenantId) -> Result<Vec<ApiKeyId>, RefusedRequest> {
    let keys = app.store().live_api_keys(tenant, API_KEYS_MAX + 1).await?;
    Ok(keys.into_iter().map(|key| key.id).collect())
}

/// Exactly one of the two is there: the request was checked.
fn owner(request: &NewApiKey) -> KeyOwner {
    match (request.client_id, &request.client_name) {
        (Some(id), _) => KeyOwner::Known(ClientId(id)),
        (None, name) => KeyOwner::New(name.as_deref().unwrap_or_default().trim().to_owned()),
    }
}

/// Kept by nobody on the way.
fn shown(key: ApiKey, secret: String) -> Response {
    let body =
        serde_json::to_string(&ShownApiKey { key, secret }).expect("views hold only what JSON can say");
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::CREATED, headers, body).into_response()
}
