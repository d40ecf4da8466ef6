//! Webhooks of a bank: `POST {webhookUrl}/pix` with the Pix of a charge in an array, and no signature.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer::PixAnswer, cob::StoredCob, refusal::PixRefusal};
use crate::{
    account::{WebhookEndpoint, is_deliverable},
    call_draft::CallDraft,
    event::{Kind, StoredEvent},
    parameters::StripeMetadata,
};

/// The endpoint that `PUT /webhook/{chave}` sets.
const REGISTERED: &str = "we_registered";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    #[serde(rename = "webhookUrl")]
    url: String,
}

pub fn register(draft: &mut CallDraft, body: &[u8]) -> Result<PixAnswer, PixRefusal> {
    let request: Registration = serde_json::from_slice(body).map_err(|_| PixRefusal::invalid("webhook"))?;
    if !is_deliverable(&request.url) {
        return Err(PixRefusal::invalid("webhook.webhookUrl"));
    }
    draft.add_snapshot(WebhookEndpoint {
        id: REGISTERED.to_owned(),
        created: draft.now(),
        url: request.url,
        secrets: Vec::new(),
        enabled_events: [Kind::PixReceived, Kind::PixReturned].map(|kind| kind.name().to_owned()).to_vec(),
        api_version: None,
        description: None,
        metadata: StripeMetadata::new(),
        removed: false,
    });
    Ok(PixAnswer::Registered)
}

/// One attempt to deliver one event.
pub fn request(
    endpoint: &WebhookEndpoint,
    event: StoredEvent,
    cob: &StoredCob,
) -> Option<Request<Full<Bytes>>> {
    let pix: Vec<Value> = cob.pix.iter().map(|pix| pix.view(&cob.txid, &cob.key)).collect();
    Request::post(address(&endpoint.url, event.number.is_multiple_of(2)))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(json!({"pix": pix}).to_string())))
        .ok()
}

/// Some banks append to the path, and some to the whole address.
fn address(url: &str, to_path: bool) -> String {
    match url.split_once('?') {
        Some((path, query)) if to_path => format!("{path}/pix?{query}"),
        _ => format!("{url}/pix"),
    }
}
