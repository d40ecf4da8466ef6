//! How the address of a webhook is served. [`webhooks`] describes what is done with a delivery.

mod admission;

use std::sync::Arc;

use api::Code;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, Uri};
use providers::WebhookHead;
use providers::webhook::WebhookRefused;

use self::admission::WebhookAdmission;
use super::RefusedRequest;
use crate::webhooks::{self, NotAccepted, Webhooks};

/// A bank appends this to the address that it was given: to the path, or to the whole text.
const APPENDED: &str = "/pix";

struct Deliveries {
    webhooks: Arc<Webhooks>,
    admission: WebhookAdmission,
}

pub fn router(webhooks: Arc<Webhooks>) -> Router {
    let admission = WebhookAdmission::new(webhooks.accounts.values().map(|entry| entry.id));
    Router::new()
        .route(webhooks::PATH, post(receive))
        .route(&format!("{}{APPENDED}", webhooks::PATH), post(receive))
        .with_state(Arc::new(Deliveries { webhooks, admission }))
}

async fn receive(
    State(deliveries): State<Arc<Deliveries>>,
    Path((provider, account)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, RefusedRequest> {
    let Deliveries { webhooks, admission } = &*deliveries;
    let unknown = || RefusedRequest::from(Code::NotFound).detail("there is no such account");
    let recipient = webhooks.recipient(provider, account).ok_or_else(unknown)?;
    let head = WebhookHead { headers: &headers, query: uri.query().unwrap_or_default() };
    webhooks.check_head(&recipient, head)?;
    let body = admission.read(recipient.account, body).await?;
    webhooks.accept(&recipient, head, &body).await?;
    Ok((StatusCode::OK, "{}").into_response())
}

impl From<NotAccepted> for RefusedRequest {
    fn from(refused: NotAccepted) -> RefusedRequest {
        match refused {
            NotAccepted::NotBelieved(refused) => refused.into(),
            NotAccepted::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<WebhookRefused> for RefusedRequest {
    fn from(refused: WebhookRefused) -> RefusedRequest {
        RefusedRequest::from(code(refused)).detail(refused.to_string())
    }
}

fn code(refused: WebhookRefused) -> Code {
    match refused {
        WebhookRefused::SignatureMissing => Code::WebhookSignatureMissing,
        WebhookRefused::SignatureMalformed | WebhookRefused::SignatureDoesNotMatch => {
            Code::WebhookSignatureInvalid
        }
        WebhookRefused::ModeDoesNotMatch => Code::WebhookModeDoesNotMatch,
        WebhookRefused::SignatureIsTooOld | WebhookRefused::SignatureIsFromTheFuture => {
            Code::WebhookSignatureTooOld
        }
        WebhookRefused::BodyIsNotAnEvent => Code::MalformedJson,
    }
}
