//! A request that only looks: who asks, and which parameters.

use std::marker::PhantomData;

use api::Code;
use axum::extract::{FromRequestParts, Query};
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::auth::{self, Caller};
use super::permission::Permission;
use super::turns::Turn;
use super::{App, Refused};

pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `P` is what the API key must allow.
pub struct Look<P> {
    pub caller: Caller,
    _turn: Turn,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<App> for Look<P> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Look<P>, Refused> {
        let caller = auth::caller(app, parts).await?;
        caller.may(P::ANY)?;
        let turn = app.turns.take(caller.tenant).await.map_err(|_| Refused::from(Code::Overloaded))?;
        Ok(Look { caller, _turn: turn, permission: PhantomData })
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
            let (name, told) = named(told);
            Refused::parameter(name, told)
        })
    }
}

/// The parameter that is told of, and what: `limit: invalid digit`, or ``missing field `from` ``.
///
/// The error keeps the name nowhere but in its words. Should they ever change, the pointer is that of
/// all parameters together, which is still true.
fn named(told: &str) -> (&str, &str) {
    let bare = told.split_once(": ").map_or(told, |(_, rest)| rest);
    for sentence in [told, bare] {
        let quoted = ["missing field `", "duplicate field `", "unknown field `"]
            .iter()
            .find_map(|begin| sentence.strip_prefix(begin))
            .and_then(|rest| rest.split_once('`'));
        if let Some((name, _)) = quoted {
            return (name, sentence);
        }
    }
    told.split_once(": ").unwrap_or(("", told))
}

/// What was found.
pub fn found(view: &impl Serialize) -> Response {
    let body = serde_json::to_string(view).expect("views hold only what JSON can say");
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_mistake_names_its_parameter() {
        for (told, name, what) in [
            ("missing field `from`", "from", "missing field `from`"),
            ("duplicate field `to`", "to", "duplicate field `to`"),
            ("slot: unknown field `slot`, expected `a`", "slot", "unknown field `slot`, expected `a`"),
            ("limit: invalid digit found in string", "limit", "invalid digit found in string"),
            ("from: odd: very odd", "from", "odd: very odd"),
            ("nothing is known of it", "", "nothing is known of it"),
        ] {
            assert_eq!(named(told), (name, what));
        }
    }
}
