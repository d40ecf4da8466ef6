//! A request that only looks: who asks, and which parameters.

use std::marker::PhantomData;

use api::openapi::ApiOperation;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Serialize;

use super::auth::{self, AuthenticatedClient};
use super::endpoint::Extractor;
use super::permission::Permission;
use super::read_turns::ReadTurn;
use super::{App, RefusedRequest};

pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `P` is what the API key must allow.
pub struct ReadRequest<P> {
    pub caller: AuthenticatedClient,
    _turn: ReadTurn,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<App> for ReadRequest<P> {
    type Rejection = RefusedRequest;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<ReadRequest<P>, RefusedRequest> {
        let caller = auth::caller(app, parts).await?;
        caller.may(P::ANY)?;
        let turn = app.turns.take(caller.tenant).await?;
        Ok(ReadRequest { caller, _turn: turn, permission: PhantomData })
    }
}

impl<P: Permission> Extractor for ReadRequest<P> {
    fn describe(operation: &mut ApiOperation) {
        operation.scopes = P::ANY;
    }
}

/// The parameters of a query. One that is not known is refused: a typing error must not be a filter
/// that finds everything.
pub struct QueryParameters<Q>(pub Q);

impl<Q: api::requests::Request> FromRequestParts<App> for QueryParameters<Q> {
    type Rejection = RefusedRequest;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<QueryParameters<Q>, RefusedRequest> {
        Ok(QueryParameters(api::json::decode_query(parts.uri.query().unwrap_or_default())?))
    }
}

impl<Q: api::requests::Request> Extractor for QueryParameters<Q> {
    fn describe(operation: &mut ApiOperation) {
        operation.query = Some(Q::name());
    }
}

/// What was found.
pub fn found(view: &impl Serialize) -> Response {
    let body = serde_json::to_string(view).expect("views hold only what JSON can say");
    ([(CONTENT_TYPE, JSON)], body).into_response()
}
