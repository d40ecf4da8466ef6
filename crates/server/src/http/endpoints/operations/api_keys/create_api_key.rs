use api::Code;
use api::requests::{NewApiKey, Scope};
use api::views::{ApiKey, ShownApiKey};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::commands::{AddApiKey, KeyOwner};
use domain::{ClientId, Refusal, Reply};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use store::CommandResult;

use super::live_keys::{live, origin};
use crate::http::answer::{Handled, handled};
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::read_request::JSON;
use crate::http::submit::submit_over;
use crate::http::write_request::UnkeyedRequest;
use crate::http::{App, RequestId};
use crate::secret;

/// Against others who change the tenant at the same moment.
const TRIES_MAX: usize = 5;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/api_keys", "create_api_key", handle)
        .about(
            "Make an API key",
            "Of the asking key's mode, with scopes that the asking key has itself. The secret is in \
             this answer and nowhere else, so an `Idempotency-Key` is ignored: nothing is stored that \
             could be answered again. Asked twice it makes two; if the answer was lost, look for the \
             key in the list and revoke it. At most 100 keys that are not revoked.",
        )
        .answers_once::<ShownApiKey>(201, "The key, with its secret.")
        .refuses(&[
            Code::ClientNotFound,
            Code::TenantIsArchived,
            Code::TooManyApiKeys,
            Code::ChangedMeanwhile,
            Code::CommitOutcomeUnknown,
        ])
}

async fn handle(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    call: UnkeyedRequest<Ops, NewApiKey>,
) -> Handled {
    let UnkeyedRequest { caller, request, .. } = call;
    // Nobody makes a key that may do more than the one it was made with.
    for scope in &request.scopes {
        caller.may(&[*scope])?;
    }
    let secret = secret::new(caller.mode);
    let command = AddApiKey {
        tenant: caller.tenant,
        origin: origin(caller.client, &request_id),
        owner: owner(&request),
        hash: secret::hash(&secret),
        scopes: request.scopes.iter().copied().map(Scope::name).map(str::to_owned).collect(),
        mode: caller.mode,
        tenant_version: 0,
        live: Vec::new(),
    };
    let (app, command) = (&app, &command);
    let over = || async move {
        let tenant = app.store().tenant(caller.tenant).await?.ok_or(Refusal::ClientNotFound)?;
        let live = live(app, caller.tenant).await?;
        Ok(AddApiKey { tenant_version: tenant.version, live, ..command.clone() })
    };
    match submit_over(app, TRIES_MAX, over).await? {
        CommandResult::Fresh { reply: Reply::ApiKey(made), .. } => {
            Ok(shown(ApiKey::of(&made.0, &made.1), secret))
        }
        answer => handled(answer),
    }
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
