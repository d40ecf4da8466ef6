//! `PUT /webhook/{chave}`: tells the bank where to deliver. An operator does it once for an account, and
//! again when its secret is replaced.

use domain::provider::CallOutcome;
use http::Method;
use serde::{Deserialize, Serialize};

use super::{charges::Charges, outcome};
use crate::{Guard, ProviderSettings, exchange::segment};

/// The API's limit is that of an address; banks refuse longer ones.
const URL_BYTES_MAX: usize = 500;

#[derive(Serialize)]
struct RegistrationBody<'a> {
    #[serde(rename = "webhookUrl")]
    url: &'a str,
}

/// Banks answer with the registration or with nothing.
#[derive(Deserialize)]
struct Registered {}

/// Registers the address of an account's webhooks, with the account's first secret. `base_url` is where
/// the bank reaches this installation. The error is a sentence without the secret.
///
/// The bank appends `/pix` to the address. Some append it to the path and some to the whole text, after
/// the query: both are served.
pub async fn register_webhook(settings: &ProviderSettings, base_url: &str, name: &str) -> Result<(), String> {
    super::ADAPTER.check(settings)?;
    let secret = settings.webhook_secrets.first().ok_or("the account has no webhook secret")?;
    let base_url = base_url.trim_end_matches('/');
    let url =
        format!("{base_url}/webhooks/{}/{}?hmac={}", super::ADAPTER.name, segment(name), secret.expose());
    if !base_url.starts_with("https://") && !base_url.starts_with("http://") {
        return Err("the address must begin with https://".to_owned());
    }
    if url.len() > URL_BYTES_MAX {
        return Err(format!("the address must be shorter than {URL_BYTES_MAX} bytes"));
    }
    let charges = Charges::new(settings, &Guard::default())?;
    let path = format!("/webhook/{}", segment(&charges.account.key));
    let body = RegistrationBody { url: &url };
    let reply = charges.client.change(Method::PUT, &path, &body, "webhook").await;
    match outcome::read::<Registered, ()>(reply.map(without_empty_body)) {
        Ok(Registered {}) => Ok(()),
        Err(outcome) => CallOutcome::shown(outcome),
    }
}

fn without_empty_body(mut reply: outbound::HttpReply) -> outbound::HttpReply {
    if reply.body.is_empty() {
        reply.body = bytes::Bytes::from_static(b"{}");
    }
    reply
}
