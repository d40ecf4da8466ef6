//! A request that changes something: its client, its key and its body. A mistake in the request is
//! refused here, before any work, and the refusal is not stored.

use std::marker::PhantomData;

use api::Code;
use api::limits::BODY_BYTES_MAX;
use api::openapi::{ApiOperation, Key, RequestBody};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use domain::KeyId;
use domain::idempotency::Fingerprint;
use domain::working_set::Claim;
use futures_util::StreamExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use super::auth::{self, AuthenticatedClient};
use super::endpoint::Extractor;
use super::permission::Permission;
use super::{App, RefusedRequest, RequestId, idempotency_key};
use crate::metrics::catalogue::IDEMPOTENCY;
use crate::metrics::labels::Verdict;

/// How much of a body that is too large is read before it is refused.
const DRAINED_BYTES_MAX: usize = 1024 * 1024;

/// `P` is the permission that the API key needs, `R` the body.
pub struct WriteRequest<P, R> {
    pub caller: AuthenticatedClient,
    /// The key under which the work is done once, if the client gave one.
    pub claim: Option<Claim>,
    pub request: R,
    permission: PhantomData<P>,
}

/// For a request that books or moves money: it must have a key.
pub struct KeyedRequest<P, R> {
    pub caller: AuthenticatedClient,
    pub claim: Claim,
    pub request: R,
    permission: PhantomData<P>,
}

/// A request that takes no key, because its response must never be stored. A key that is sent
/// anyway is ignored.
pub struct UnkeyedRequest<P, R> {
    pub caller: AuthenticatedClient,
    pub request: R,
    permission: PhantomData<P>,
}

fn describe<P: Permission, R: api::requests::Request>(operation: &mut ApiOperation, key: Key) {
    operation.scopes = P::ANY;
    operation.key = key;
    operation.body = Some(RequestBody { schema: R::name(), is_optional: R::BODY_IS_OPTIONAL });
}

impl<P: Permission, R: api::requests::Request> Extractor for WriteRequest<P, R> {
    fn describe(operation: &mut ApiOperation) {
        describe::<P, R>(operation, Key::Optional);
    }
}

impl<P: Permission, R: api::requests::Request> Extractor for KeyedRequest<P, R> {
    fn describe(operation: &mut ApiOperation) {
        describe::<P, R>(operation, Key::Required);
    }
}

impl<P: Permission, R: api::requests::Request> Extractor for UnkeyedRequest<P, R> {
    fn describe(operation: &mut ApiOperation) {
        describe::<P, R>(operation, Key::None);
    }
}

impl<P: Permission, R: api::requests::Request> FromRequest<App> for UnkeyedRequest<P, R> {
    type Rejection = RefusedRequest;

    async fn from_request(request: Request, app: &App) -> Result<UnkeyedRequest<P, R>, RefusedRequest> {
        let (parts, body) = request.into_parts();
        let caller = auth::caller(app, &parts).await?;
        caller.may(P::ANY)?;
        let body = read(&parts.headers, body).await?;
        let request = api::json::decode(api::json::parse::<R>(&body)?)?;
        Ok(UnkeyedRequest { caller, request, permission: PhantomData })
    }
}

impl<P: Permission, R: api::requests::Request> FromRequest<App> for KeyedRequest<P, R> {
    type Rejection = RefusedRequest;

    async fn from_request(request: Request, app: &App) -> Result<KeyedRequest<P, R>, RefusedRequest> {
        let WriteRequest { caller, claim, request, permission } =
            WriteRequest::from_request(request, app).await?;
        let Some(claim) = claim else {
            IDEMPOTENCY.increment(Verdict::Missing);
            return Err(Code::IdempotencyKeyMissing.into());
        };
        Ok(KeyedRequest { caller, claim, request, permission })
    }
}

impl<P: Permission, R: api::requests::Request> FromRequest<App> for WriteRequest<P, R> {
    type Rejection = RefusedRequest;

    async fn from_request(request: Request, app: &App) -> Result<WriteRequest<P, R>, RefusedRequest> {
        let (parts, body) = request.into_parts();
        let caller = auth::caller(app, &parts).await?;
        caller.may(P::ANY)?;
        let key = idempotency_key::of(&parts.headers)?;
        let body = read(&parts.headers, body).await?;
        let value = api::json::parse::<R>(&body)?;
        let (work_context, request_id) = (auth::work_context(&parts), request_id(&parts));
        let claim = key.map(|key| {
            let canonical = api::json::canonical(&value);
            Claim {
                key: KeyId::of(caller.tenant, caller.client, &key),
                tenant: caller.tenant,
                client: caller.client,
                text: key.into_owned(),
                fingerprint: Fingerprint::of(parts.method.as_str(), parts.uri.path(), &canonical),
                request_id: request_id.as_str().to_owned(),
            }
        });
        if let Some(claim) = &claim {
            work_context.is_under(claim.key);
        }
        let request = api::json::decode(value)?;
        Ok(WriteRequest { caller, claim, request, permission: PhantomData })
    }
}

/// The guard gave every request an id.
fn request_id(parts: &Parts) -> RequestId {
    parts.extensions.get().cloned().expect("the guard stands around every endpoint")
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, RefusedRequest> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > DRAINED_BYTES_MAX) {
        return Err(Code::BodyIsTooLarge.into());
    }
    let body = collect(body, length.unwrap_or(0)).await?;
    if !body.is_empty() && is_encoded(headers) {
        return Err(Code::ContentCodingNotAccepted.into());
    }
    if !body.is_empty() && !headers.get(CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes())) {
        return Err(Code::UnsupportedMediaType.into());
    }
    Ok(body)
}

/// A body that is too large is still read to its end, within bounds, and discarded: if the
/// connection closed while the client was sending, the client would not see the refusal.
async fn collect(body: Body, length: usize) -> Result<Vec<u8>, RefusedRequest> {
    let mut frames = body.into_data_stream();
    let mut bytes = Vec::with_capacity(length.min(BODY_BYTES_MAX));
    let mut total = 0;
    while let Some(frame) = frames.next().await {
        // A client that disconnected reads no response either.
        let frame =
            frame.map_err(|error| RefusedRequest::from(Code::MalformedJson).detail(error.to_string()))?;
        total += frame.len();
        if total <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&frame);
        } else if total > DRAINED_BYTES_MAX {
            break;
        }
    }
    if total > BODY_BYTES_MAX { Err(Code::BodyIsTooLarge.into()) } else { Ok(bytes) }
}

/// Whether the body has a content coding (RFC 9110 section 8.4): `identity` is none.
fn is_encoded(headers: &HeaderMap) -> bool {
    let is_identity = |value: &HeaderValue| {
        let mut codings = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
    };
    !headers.get_all(CONTENT_ENCODING).iter().all(is_identity)
}

/// `application/json`, alone or with `charset=utf-8`.
fn is_json(content_type: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content_type) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    })
}

/// The id in a path. Any other text names nothing.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub Uuid);

impl FromRequestParts<App> for Id {
    type Rejection = RefusedRequest;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Id, RefusedRequest> {
        let text = Path::<String>::from_request_parts(parts, app).await.map_err(|_| Code::NotFound)?.0;
        // Only one spelling, because the path is part of a key's fingerprint.
        let id = if text.len() == 36 { Uuid::try_parse(&text).ok() } else { None };
        id.map(Id).ok_or(Code::NotFound.into())
    }
}

impl Extractor for Id {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf_8() {
        for (content_type, fine) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json; odd", false),
            ("application/problem+json", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            assert_eq!(is_json(content_type.as_bytes()), fine, "{content_type}");
        }
    }
}
