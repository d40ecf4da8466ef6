use api::Code;
use api::views::ApiKey;
use axum::Extension;
use axum::extract::State;
use domain::ApiKeyId;
use domain::commands::RevokeApiKey;

use super::live_keys::{live, origin};
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::read_request::ReadRequest;
use crate::http::submit::submit;
use crate::http::write_request::Id;
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/api_keys/{id}/revoke", "revoke_api_key", handle)
        .about(
            "Revoke an API key",
            "Once and for all, as often as it is asked. The server that answers refuses the key at \
             once, others within seconds. The last key of its mode with the scope `ops` stays.",
        )
        .answers::<ApiKey>(200, "The key, revoked.")
        .refuses(&[Code::ApiKeyNotFound, Code::LastOpsKey, Code::CommitOutcomeUnknown])
}

/// Other processes believe the key until their memory of it has lapsed.
async fn handle(
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
