//! Makes a call to the bank.

use bytes::Bytes;
use http::{Method, StatusCode, header};
use outbound::HttpReply;
use serde::Serialize;

use super::{
    settings::PixAccount,
    token::{AccessToken, AccessTokens},
};
use crate::{
    Guard, ProviderSettings,
    exchange::{Exchange, NoReply},
};

pub struct PixClient {
    exchange: Exchange,
    api_path: String,
    tokens: AccessTokens,
}

/// What one call sends.
struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Bytes,
    /// The object of the call.
    subject: &'a str,
}

impl PixClient {
    pub fn new(
        settings: &ProviderSettings,
        account: &PixAccount,
        guard: &Guard,
    ) -> Result<PixClient, String> {
        Ok(PixClient {
            exchange: Exchange::new(&settings.wire, guard)?,
            api_path: account.api_path.clone(),
            tokens: AccessTokens::new(settings, account, guard)?,
        })
    }

    /// `path` below that of the API. `subject` is the object of the call.
    pub async fn get(&self, path: &str, subject: &str) -> Result<HttpReply, NoReply> {
        self.send(&Call { method: Method::GET, path, body: Bytes::new(), subject }).await
    }

    /// A call that changes something.
    pub async fn change(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        subject: &str,
    ) -> Result<HttpReply, NoReply> {
        let body = serde_json::to_vec(body)
            .map_err(|error| NoReply::NotSent(format!("the call cannot be written: {error}")))?;
        self.send(&Call { method, path, body: body.into(), subject }).await
    }

    /// A token may end before its time. A call that is refused because of its token has done nothing,
    /// so it is made once more with another one.
    async fn send(&self, call: &Call<'_>) -> Result<HttpReply, NoReply> {
        let token = self.tokens.current().await?;
        let reply = self.send_with(call, &token).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let token = self.tokens.after(&token).await?;
        self.send_with(call, &token).await
    }

    async fn send_with(&self, call: &Call<'_>, token: &AccessToken) -> Result<HttpReply, NoReply> {
        let path = format!("{}{}", self.api_path, call.path);
        let mut request = self
            .exchange
            .request(call.method.clone(), &path, call.subject)
            .header(header::AUTHORIZATION, &token.authorization);
        if !call.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        self.exchange.send(request, call.body.clone()).await
    }
}
