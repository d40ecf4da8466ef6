//! The access token of an account: OAuth 2.0, client credentials (RFC 6749, section 4.4).
//!
//! | what happens | the callers |
//! |---|---|
//! | nobody has a token | one of them asks for it, the others wait for its answer |
//! | the request fails | those who waited get the same failure; the next call asks again |
//! | the token's end is near | the next call asks for another before it is made |
//! | a call is refused with 401 | its caller names that token, and one of all such callers asks for another |
//!
//! A token is kept in memory alone. It is never logged, and no failure's text has a part of a reply.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use outbound::HttpReply;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::settings::{PixAccount, token_address};
use crate::{
    Guard, ProviderSettings, WireSettings,
    exchange::{Exchange, NoReply, segment},
};

/// What the calls of this adapter need.
const SCOPES: [&str; 6] = ["cob.read", "cob.write", "pix.read", "pix.write", "webhook.read", "webhook.write"];
/// Another token is requested this long before the end, or at half of a shorter life.
const RENEWED_BEFORE: Duration = Duration::from_mins(1);
/// If the reply names no end.
const LIFETIME_DEFAULT_SECONDS: u64 = 60;
const LIFETIME_SECONDS_MAX: u64 = 24 * 3_600;
/// The circuit's subject of these calls.
const SUBJECT: &str = "token";

/// A token as the header that carries it.
#[derive(Clone)]
pub struct AccessToken {
    pub authorization: HeaderValue,
    renewed_at: Instant,
    /// Distinguishes it from its successor, which may have the same text.
    number: u64,
}

#[derive(Default)]
struct TokenState {
    token: Option<AccessToken>,
    /// The last request's failure.
    failure: Option<String>,
}

pub struct AccessTokens {
    exchange: Exchange,
    path: String,
    credentials: HeaderValue,
    body: Bytes,
    /// Locked while a token is requested.
    state: Mutex<TokenState>,
    /// Requests that ended.
    requests: AtomicU64,
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    expires_in: Option<u64>,
}

impl AccessTokens {
    pub fn new(
        settings: &ProviderSettings,
        account: &PixAccount,
        guard: &Guard,
    ) -> Result<AccessTokens, String> {
        let (base_url, path) = token_address(settings, account);
        let wire = WireSettings { base_url, ..settings.wire.clone() };
        let scopes: Vec<String> = SCOPES.iter().map(|scope| segment(scope)).collect();
        Ok(AccessTokens {
            exchange: Exchange::new(&wire, guard)?,
            path,
            credentials: basic(&account.client_id, settings.secret_key.expose())?,
            body: format!("grant_type=client_credentials&scope={}", scopes.join("+")).into(),
            state: Mutex::default(),
            requests: AtomicU64::new(0),
        })
    }

    /// A token that has some time left. If there is none, nothing was sent that this token is for.
    pub async fn current(&self) -> Result<AccessToken, NoReply> {
        self.token(None).await
    }

    /// A token other than one that was refused.
    pub async fn after(&self, refused: &AccessToken) -> Result<AccessToken, NoReply> {
        self.token(Some(refused.number)).await
    }

    async fn token(&self, refused: Option<u64>) -> Result<AccessToken, NoReply> {
        let before = self.requests.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let usable =
            |token: &&AccessToken| Some(token.number) != refused && Instant::now() < token.renewed_at;
        if let Some(token) = state.token.as_ref().filter(usable) {
            return Ok(token.clone());
        }
        let ended = self.requests.load(Ordering::Acquire);
        if let Some(failure) = state.failure.as_ref().filter(|_| ended > before) {
            // Somebody else's request ended while this caller waited for it.
            return Err(NoReply::NotSent(failure.clone()));
        }
        let requested = self.request(ended + 1).await;
        self.requests.store(ended + 1, Ordering::Release);
        state.failure = requested.as_ref().err().map(describe);
        state.token = requested.as_ref().ok().cloned();
        requested
    }

    async fn request(&self, number: u64) -> Result<AccessToken, NoReply> {
        let request = self
            .exchange
            .request(Method::POST, &self.path, SUBJECT)
            .header(header::AUTHORIZATION, &self.credentials)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match self.exchange.send(request, self.body.clone()).await {
            Ok(reply) => read(&reply, number).map_err(NoReply::NotSent),
            Err(NoReply::CircuitOpen(left)) => Err(NoReply::CircuitOpen(left)),
            // Whatever became of this request, the call that wanted the token was not sent.
            Err(failed) => Err(NoReply::NotSent(describe(&failed))),
        }
    }
}

fn describe(failed: &NoReply) -> String {
    match failed {
        NoReply::NotSent(reason) | NoReply::Unknown(reason) => format!("there is no access token: {reason}"),
        NoReply::CircuitOpen(_) => "there is no access token: the circuit of this account is open".to_owned(),
    }
}

fn read(reply: &HttpReply, number: u64) -> Result<AccessToken, String> {
    if reply.status != StatusCode::OK && reply.status != StatusCode::CREATED {
        return Err(format!("HTTP {}", reply.status.as_u16()));
    }
    let read: TokenReply =
        serde_json::from_slice(&reply.body).map_err(|_| "the reply cannot be read".to_owned())?;
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", read.access_token))
        .map_err(|_| "the token is not a valid header value".to_owned())?;
    authorization.set_sensitive(true);
    let seconds = read.expires_in.unwrap_or(LIFETIME_DEFAULT_SECONDS).min(LIFETIME_SECONDS_MAX);
    let life = Duration::from_secs(seconds);
    let renewed_at = Instant::now() + life.saturating_sub(RENEWED_BEFORE).max(life / 2);
    Ok(AccessToken { authorization, renewed_at, number })
}

/// RFC 7617. Neither part has a blank or a character beyond ASCII.
fn basic(client_id: &str, secret: &str) -> Result<HeaderValue, String> {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{client_id}:{secret}"));
    let mut header = HeaderValue::try_from(format!("Basic {credentials}"))
        .map_err(|_| "the client's credentials are not a valid header value".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}
