//! Access tokens: `POST /oauth/token`, OAuth 2.0 client credentials.
//!
//! An account's `secret_key` is `client:secret`. A token names when it was issued and is signed with the
//! account's key, so a restart forgets none. The calls of tokens are not in the books: no money moves by
//! them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::Response;
use http_body_util::Full;
use serde_json::json;
use sha2::Sha256;

use crate::{books::Books, faults::Faults, form, reply, state::SandboxState, wire::ProviderWire};

/// What a reply claims.
const LIFETIME_SECONDS: i64 = 3_600;

/// The reply to a request for a token.
pub fn issue(
    state: &SandboxState,
    credential: Option<&str>,
    body: &[u8],
    now_ms: i64,
) -> Response<Full<Bytes>> {
    let SandboxState { books, faults, .. } = state;
    let refused =
        |status: u16, error: &str| reply::json(status, json!({"error": error}).to_string().into_bytes());
    let pairs = form::decode(body).unwrap_or_default();
    if !pairs.iter().any(|(name, value)| name == "grant_type" && value == "client_credentials") {
        return refused(400, "unsupported_grant_type");
    }
    let secret_key = credential.and_then(basic);
    let is_known = secret_key.as_ref().and_then(|key| books.account_of(key));
    let is_bank = is_known.is_some_and(|id| books.accounts[id].account.wire == ProviderWire::Pix);
    let Some(secret_key) = secret_key.filter(|_| is_bank) else { return refused(401, "invalid_client") };
    let token = format!("{now_ms}.{}", sign(&secret_key, now_ms, faults));
    let shown = json!({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS});
    reply::json(200, shown.to_string().into_bytes())
}

/// `client:secret`, from HTTP basic.
fn basic(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    scheme.eq_ignore_ascii_case("basic").then_some(decoded)
}

/// The account of a token that is still valid.
pub fn account<'a>(books: &'a Books, token: &str, faults: &Faults, now_ms: i64) -> Option<&'a Arc<str>> {
    let (issued, signature) = token.split_once('.')?;
    let issued_ms: i64 = issued.parse().ok()?;
    if now_ms >= issued_ms + LIFETIME_SECONDS * 1_000 {
        return None;
    }
    let signed = |account: &crate::account::Account| {
        account.wire == ProviderWire::Pix && sign(&account.secret_key, issued_ms, faults) == signature
    };
    books.accounts.iter().find(|(_, held)| signed(&held.account)).map(|(id, _)| id)
}

fn sign(secret_key: &str, issued_ms: i64, faults: &Faults) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(&issued_ms.to_be_bytes());
    mac.update(&faults.token_generation.to_be_bytes());
    hex::encode(mac.finalize().into_bytes())
}
