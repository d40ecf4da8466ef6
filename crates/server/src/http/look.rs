//! A request that only looks: who asks, and which parameters.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Query};
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::auth::{self, Caller};
use super::permission::Permission;
use super::{App, Refused};

pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `P` is what the API key must allow.
pub struct Look<P> {
    pub caller: Caller,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<App> for Look<P> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Look<P>, Refused> {
        let caller = auth::caller(app, &parts.headers).await?;
        caller.may(P::ANY)?;
        Ok(Look { caller, permission: PhantomData })
    }
}

/// The parameters of a query. One that is not known is refused: a typing error must not be a filter
/// that finds everything.
pub struct Parameters<Q>(pub Q);

impl<Q: DeserializeOwned> FromRequestParts<App> for Parameters<Q> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Parameters<Q>, Refused> {
        let query = Query::<Q>::try_from_uri(&parts.uri);
        query.map(|query| Parameters(query.0)).map_err(|rejection| {
            let text = rejection.body_text();
            let told = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Refused::parameter("", told)
        })
    }
}

/// What was found.
pub fn found(view: &impl Serialize) -> Response {
    let body = serde_json::to_string(view).expect("views hold only what JSON can say");
    ([(CONTENT_TYPE, JSON)], body).into_response()
}
