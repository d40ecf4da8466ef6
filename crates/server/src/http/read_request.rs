//! A request that only reads: its client, and its parameters.

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

/// `P` is the permission that the API key needs.
pub struct ReadRequest<P> {
    pub caller: AuthenticatedClient,
    _turn: ReadTurn,
    permission: PhantomData<P>,
}

impl<P> ReadRequest<P> {
    /// Ends the turn at reading, before something else is waited for.
    pub fn end_turn(self) -> AuthenticatedClient {
        self.caller
    }
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

/// The parameters of a query. An unknown one is refused: a typing error must not become a filter
/// that matches everything.
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

/// The response to a query.
pub fn found(view: &impl Serialize) -> Response {
    let body = serde_json::to_string(view).expect("views hold only what JSON can represent");
    ([(CONTENT_TYPE, JSON)], body).into_response()
}
