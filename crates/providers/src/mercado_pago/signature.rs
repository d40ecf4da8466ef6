//! Verifies that a delivery comes from Mercado Pago,
//! <https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/webhooks>.
//!
//! `x-signature: ts=<time>,v1=<hex>`: HMAC-SHA256 over `id:{data.id};request-id:{x-request-id};ts:{ts};`,
//! keyed with the bytes of the secret. `data.id` comes from the query, and a pair whose value is
//! missing is left out. **The body is not signed.**
//!
//! The documents contradict each other in two points, so both forms are accepted:
//!
//! | point | forms |
//! |---|---|
//! | `data.id` with letters | as in the query, or in lower case |
//! | `ts` | seconds, or milliseconds (from 10^12 on) |
//!
//! Differs from the SDKs, which check no time: a delivery that is old or from the future is refused.

use domain::{Timestamp, time::Span};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::objects::ProviderObjectId;
use crate::{Secret, WebhookHead, webhook::WebhookRefused};

pub const HEADER: &str = "x-signature";
const REQUEST_ID: &str = "x-request-id";
const HEADER_BYTES_MAX: usize = 2_048;
const REQUEST_ID_BYTES_MAX: usize = 200;
/// One is documented; more may come while a secret is replaced.
const SIGNATURES_MAX: usize = 8;
/// Milliseconds have thirteen digits until the year 2286.
const TIME_DIGITS_MAX: usize = 15;
/// As seconds this is the year 33658.
const MILLISECONDS_MIN: i64 = 1_000_000_000_000;

/// What a delivery says in its head. Everything but the topic is signed.
#[derive(Clone, Debug)]
pub struct SignedDelivery<'a> {
    pub object: Option<ProviderObjectId>,
    /// The `type` or `topic` of the query. It is not signed.
    pub topic: Option<&'a str>,
    pub request: Option<&'a str>,
    /// As it was sent: these exact digits were signed.
    pub time: &'a str,
}

impl SignedDelivery<'_> {
    /// Ids that differ in case only are one object.
    pub fn signed_text(&self) -> String {
        self.text(self.object.as_ref().map(|object| object.as_str().to_ascii_lowercase()).as_deref())
    }

    fn text(&self, object: Option<&str>) -> String {
        let mut text = String::new();
        let time = (!self.time.is_empty()).then_some(self.time);
        for (name, value) in [("id", object), ("request-id", self.request), ("ts", time)] {
            if let Some(value) = value {
                text.push_str(name);
                text.push(':');
                text.push_str(value);
                text.push(';');
            }
        }
        text
    }
}

struct Signature<'a> {
    time: &'a str,
    at: Timestamp,
    signatures: Vec<[u8; 32]>,
}

/// The time is checked last, so that only a sender who knows the secret learns about our clock.
pub fn verify<'a>(
    head: WebhookHead<'a>,
    secrets: &[Secret],
    tolerance: Span,
    now: Timestamp,
) -> Result<SignedDelivery<'a>, WebhookRefused> {
    if fault_injection::is(fault_injection::InjectedFault::WebhookTrustedUnsigned) {
        return read_delivery(head, "").ok_or(WebhookRefused::SignatureMalformed);
    }
    let signature = read_signature(head.headers)?;
    let delivery = read_delivery(head, signature.time).ok_or(WebhookRefused::SignatureMalformed)?;
    let as_sent = delivery.text(delivery.object.as_ref().map(ProviderObjectId::as_str));
    let mut matches = Choice::from(0);
    for secret in secrets {
        for text in [&as_sent, &delivery.signed_text()] {
            let expected = sign(secret, text);
            for signature in &signature.signatures {
                matches |= signature.ct_eq(&expected);
            }
        }
    }
    if !bool::from(matches) {
        return Err(WebhookRefused::SignatureDoesNotMatch);
    }
    if now.since(signature.at) > tolerance {
        return Err(WebhookRefused::SignatureIsTooOld);
    }
    if signature.at.since(now) > tolerance {
        return Err(WebhookRefused::SignatureIsFromTheFuture);
    }
    Ok(delivery)
}

/// Checks what is possible before the body is read.
pub fn check_head(head: WebhookHead<'_>) -> Result<(), WebhookRefused> {
    if fault_injection::is(fault_injection::InjectedFault::WebhookTrustedUnsigned) {
        return Ok(());
    }
    let signature = read_signature(head.headers)?;
    read_delivery(head, signature.time).map(drop).ok_or(WebhookRefused::SignatureMalformed)
}

/// `None` if a part could be mistaken for another: the parts are signed without escapes.
fn read_delivery<'a>(head: WebhookHead<'a>, time: &'a str) -> Option<SignedDelivery<'a>> {
    let parameter = |name: &str| {
        let pairs = head.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).find(|value| !value.is_empty())
    };
    let object = match parameter("data.id") {
        Some(id) => Some(ProviderObjectId::parse(id)?),
        None => None,
    };
    let request = match head.headers.get(REQUEST_ID).map(HeaderValue::to_str) {
        Some(request) => Some(request.ok()?).filter(|request| !request.is_empty()),
        None => None,
    };
    if request.is_some_and(|request| request.len() > REQUEST_ID_BYTES_MAX || request.contains(';')) {
        return None;
    }
    let topic = parameter("type").or_else(|| parameter("topic"));
    Some(SignedDelivery { object, topic, request, time })
}

fn read_signature(headers: &HeaderMap) -> Result<Signature<'_>, WebhookRefused> {
    let header = headers.get(HEADER).ok_or(WebhookRefused::SignatureMissing)?;
    header.to_str().ok().and_then(parse).ok_or(WebhookRefused::SignatureMalformed)
}

/// A malformed `v1` matches nothing, and unlisted names are ignored.
fn parse(header: &str) -> Option<Signature<'_>> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let mut time = None;
    let mut signatures = Vec::new();
    for item in header.split(',') {
        match item.trim().split_once('=')? {
            ("ts", digits) if time.is_none() => time = Some(digits),
            ("ts", _) => return None,
            ("v1", _) if signatures.len() == SIGNATURES_MAX => return None,
            ("v1", text) => signatures.push(decode(text).unwrap_or_default()),
            _ => {}
        }
    }
    let time = time.filter(|text| {
        (1..=TIME_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    })?;
    let number: i64 = time.parse().ok()?;
    let micros = if number >= MILLISECONDS_MIN { 1_000 } else { 1_000_000 };
    let at = Timestamp(number.checked_mul(micros)?);
    (!signatures.is_empty()).then_some(Signature { time, at, signatures })
}

fn decode(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn sign(secret: &Secret, text: &str) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
