//! Verifies that a delivery comes from Stripe, <https://docs.stripe.com/webhooks#verify-manually>.
//!
//! `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>…]`: HMAC-SHA256 over `{t}.{body}`, keyed
//! with the bytes of the whole `whsec_…` text. (Standard Webhooks decodes the part after that
//! prefix; Stripe does not.) Differs from Stripe's SDKs, which refuse only old deliveries: a
//! delivery from the future is refused too, because otherwise a captured one could be kept for
//! later.

use domain::{Timestamp, time::Span};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::{Secret, webhook::WebhookRefused};

pub const HEADER: &str = "stripe-signature";
const HEADER_BYTES_MAX: usize = 2_048;
/// One per secret; Stripe keeps at most two.
const SIGNATURES_MAX: usize = 8;
/// Unix seconds have ten digits until the year 2286.
const SECONDS_DIGITS_MAX: usize = 12;

struct Signed<'a> {
    /// As it was sent: these exact bytes were signed.
    seconds: &'a str,
    at: Timestamp,
    signatures: Vec<[u8; 32]>,
}

/// The time is checked last, so that only a sender who knows the secret learns about our clock.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[Secret],
    tolerance: Span,
    now: Timestamp,
) -> Result<(), WebhookRefused> {
    if fault_injection::is(fault_injection::InjectedFault::WebhookTrustedUnsigned) {
        return Ok(());
    }
    let signed = read(headers)?;
    let mut matches = Choice::from(0);
    for secret in secrets {
        let expected = sign(secret, signed.seconds, body);
        for signature in &signed.signatures {
            matches |= signature.ct_eq(&expected);
        }
    }
    if !bool::from(matches) {
        return Err(WebhookRefused::SignatureDoesNotMatch);
    }
    if now.since(signed.at) > tolerance {
        return Err(WebhookRefused::SignatureIsTooOld);
    }
    if signed.at.since(now) > tolerance {
        return Err(WebhookRefused::SignatureIsFromTheFuture);
    }
    Ok(())
}

/// Checks what is possible before the body is read.
pub fn check_headers(headers: &HeaderMap) -> Result<(), WebhookRefused> {
    if fault_injection::is(fault_injection::InjectedFault::WebhookTrustedUnsigned) {
        return Ok(());
    }
    read(headers).map(drop)
}

fn read(headers: &HeaderMap) -> Result<Signed<'_>, WebhookRefused> {
    let header = headers.get(HEADER).ok_or(WebhookRefused::SignatureMissing)?;
    header.to_str().ok().and_then(parse).ok_or(WebhookRefused::SignatureMalformed)
}

/// Schemes other than `v1` are ignored, as Stripe requires ("ignore all schemes that aren't v1"),
/// and so is a malformed `v1`, which matches nothing.
fn parse(header: &str) -> Option<Signed<'_>> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let mut time = None;
    let mut signatures = Vec::new();
    for item in header.split(',') {
        match item.trim().split_once('=')? {
            ("t", seconds) if time.is_none() => time = Some(seconds),
            ("t", _) => return None,
            ("v1", _) if signatures.len() == SIGNATURES_MAX => return None,
            ("v1", text) => signatures.push(decode(text).unwrap_or_default()),
            _ => {}
        }
    }
    let seconds = time.filter(|text| {
        (1..=SECONDS_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    })?;
    let at = Timestamp(seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?);
    (!signatures.is_empty()).then_some(Signed { seconds, at, signatures })
}

fn decode(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn sign(secret: &Secret, seconds: &str, body: &[u8]) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_test_webhook","object":"event"}"#;
    const V1: &str = "d95c6b7477fbd7e9f90b1b0ef5f9c7ac25abca5382460e0d988c2b2a5b71b990";
    const AT: i64 = 1_700_000_000;

    fn verdict(header: &str, body: &[u8], secrets: &[&str], now_seconds: i64) -> Result<(), WebhookRefused> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, header.parse().unwrap());
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        verify(&headers, body, &secrets, Span::seconds(300), Timestamp(now_seconds * 1_000_000))
    }

    #[test]
    fn only_a_valid_signature_is_accepted() {
        let own = ["whsec_test_secret"];
        let zeros = "0".repeat(64);
        let check = |header: &str, expected: Result<(), WebhookRefused>| {
            assert_eq!(verdict(header, BODY, &own, AT), expected, "{header}");
        };
        let malformed = Err(WebhookRefused::SignatureMalformed);
        let does_not_match = Err(WebhookRefused::SignatureDoesNotMatch);
        check(&format!("t={AT},v1={V1}"), Ok(()));
        check(&format!("t={AT},v1={zeros},v1={V1}"), Ok(()));
        check(&format!("v1={V1},v0=abc,t={AT}"), Ok(()));
        check(&format!("t={AT},v1=xyz,v1={V1}"), Ok(()));
        check(&format!("t={AT},v1={zeros}"), does_not_match);
        check(&format!("t={AT},v1="), does_not_match);
        check(&format!("t={AT},v1={}", &V1[..62]), does_not_match);
        check(&format!("t=0{AT},v1={V1}"), does_not_match);
        check(&format!("t={},v1={V1}", AT + 1), does_not_match);
        check(&format!("t={AT},v0={V1}"), malformed);
        check(&format!("v1={V1}"), malformed);
        check(&format!("t={AT},t={AT},v1={V1}"), malformed);
        check(&format!("t=-{AT},v1={V1}"), malformed);
        check(&format!("t=+{AT},v1={V1}"), malformed);
        check(&format!("t=,v1={V1}"), malformed);
        check(&format!("t=9999999999999,v1={V1}"), malformed);
        check(&format!("t={AT},v1={V1},"), malformed);
        check(&format!("t={AT},{}v1={V1}", "v1=0,".repeat(8)), malformed);
        check(&format!("t={AT},v1={V1},v0={}", "0".repeat(3_000)), malformed);
        check("", malformed);
    }

    #[test]
    fn each_secret_of_the_account_is_accepted_and_no_other() {
        let header = format!("t={AT},v1={V1}");
        let check = |secrets: &[&str], body: &[u8], expected: Result<(), WebhookRefused>| {
            assert_eq!(verdict(&header, body, secrets, AT), expected, "{secrets:?}");
        };
        check(&["whsec_new", "whsec_test_secret"], BODY, Ok(()));
        check(&["whsec_test_secret", "whsec_old"], BODY, Ok(()));
        check(&["test_secret"], BODY, Err(WebhookRefused::SignatureDoesNotMatch));
        check(&[], BODY, Err(WebhookRefused::SignatureDoesNotMatch));
        check(&["whsec_test_secret"], &[BODY, b" "].concat(), Err(WebhookRefused::SignatureDoesNotMatch));
        check(&["whsec_test_secret"], b"", Err(WebhookRefused::SignatureDoesNotMatch));
    }

    #[test]
    fn the_time_may_be_neither_too_old_nor_in_the_future() {
        let header = format!("t={AT},v1={V1}");
        let check = |now: i64, expected: Result<(), WebhookRefused>| {
            assert_eq!(verdict(&header, BODY, &["whsec_test_secret"], now), expected, "{now}");
        };
        check(AT + 300, Ok(()));
        check(AT + 301, Err(WebhookRefused::SignatureIsTooOld));
        check(AT - 300, Ok(()));
        check(AT - 301, Err(WebhookRefused::SignatureIsFromTheFuture));
    }

    #[test]
    fn a_missing_header_is_reported() {
        let none = verify(&HeaderMap::new(), BODY, &[], Span::seconds(300), Timestamp(0));
        assert_eq!(none, Err(WebhookRefused::SignatureMissing));
    }
}
