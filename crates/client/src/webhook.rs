//! Verifies that a delivery comes from Surehold, by the Standard Webhooks scheme, version 1.0.0
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! | header | content |
//! |---|---|
//! | `webhook-id` | the message's id; the same in each delivery, so that it can be handled once |
//! | `webhook-timestamp` | unix seconds of this delivery |
//! | `webhook-signature` | `v1,<base64>`; several are separated by spaces |
//!
//! A signature is HMAC-SHA256 over `{id}.{timestamp}.{body}`. The key is the decoded base64 of the
//! secret `whsec_<base64>`. Several secrets are tried, so that one can be replaced without a gap.
//!
//! The body is the raw bytes as received. A body that was parsed and written again has another
//! signature.
//!
//! ```
//! use client::webhook::{Signed, Verifier};
//!
//! let verifier = Verifier::new(["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])?;
//! let body = br#"{"email":"test@example.com","username":"test_user"}"#;
//! let signed = Signed {
//!     id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
//!     timestamp: "1649367553",
//!     signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
//! };
//! // It was signed in 2022. A receiver calls `verify`, which uses the clock.
//! let delivery = verifier.verify_at(&signed, body, "2022-04-07T21:40:00Z".parse()?)?;
//! assert_eq!(delivery.id, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::clock;

pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

/// The tolerance of the scheme: five minutes, into the past and into the future.
pub const TOLERANCE: Duration = Duration::from_mins(5);

const SECRET_PREFIX: &str = "whsec_";
const VERSION: &str = "v1";
/// One signature per secret; no rotation needs more.
const SIGNATURES_MAX: usize = 16;
const HEADER_BYTES_MAX: usize = 4_096;
/// Unix seconds have ten digits until the year 2286.
const SECONDS_DIGITS_MAX: usize = 12;

/// Secrets are often copied without their padding.
const SECRETS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The three headers of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub signature: &'a str,
}

/// A delivery that was signed with one of the secrets recently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The message's id: the same in each delivery of the message. Handle each id once.
    pub id: &'a str,
    pub sent_at: Timestamp,
}

/// Why a delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryRefused {
    #[error("a header of the signature is missing or occurs twice")]
    HeaderMissing,
    #[error("a header of the signature cannot be read")]
    HeaderMalformed,
    #[error("no signature matches one of the secrets")]
    SignatureDoesNotMatch,
    #[error("the delivery was signed too long ago")]
    TooOld,
    #[error("the delivery was signed in the future")]
    FromTheFuture,
}

/// A text that is not a secret: `whsec_` and then base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret must be `whsec_` followed by base64")]
pub struct InvalidSecret;

/// Verifies deliveries.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Vec<u8>>,
    tolerance: Duration,
}

impl Verifier {
    /// The current secrets: one, or during a rotation the old and the new one. Without any, every
    /// delivery is refused.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Result<Verifier, InvalidSecret> {
        let keys = secrets.into_iter().map(|secret| key(secret.as_ref())).collect::<Result<_, _>>()?;
        Ok(Verifier { keys, tolerance: TOLERANCE })
    }

    /// How far a delivery's time may differ from ours, in either direction ([`TOLERANCE`]).
    pub fn tolerance(mut self, tolerance: Duration) -> Verifier {
        self.tolerance = tolerance;
        self
    }

    /// `body` is the raw bytes, before any parsing.
    pub fn verify<'a>(&self, headers: &'a HeaderMap, body: &[u8]) -> Result<Delivery<'a>, DeliveryRefused> {
        let now = Timestamp::try_from(clock::now()).unwrap_or(Timestamp::MAX);
        self.verify_at(&Signed::of(headers)?, body, now)
    }

    /// As `verify`, at a given time. The time is checked last, so that only a sender who knows a
    /// secret learns about our clock.
    pub fn verify_at<'a>(
        &self,
        signed: &Signed<'a>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Delivery<'a>, DeliveryRefused> {
        let (sent_at, signatures) = signed.read().ok_or(DeliveryRefused::HeaderMalformed)?;
        let mut matches = Choice::from(0);
        for key in &self.keys {
            let expected = sign(key, signed, body);
            for signature in &signatures {
                matches |= signature.ct_eq(&expected);
            }
        }
        if !bool::from(matches) {
            return Err(DeliveryRefused::SignatureDoesNotMatch);
        }
        let tolerance = i64::try_from(self.tolerance.as_secs()).unwrap_or(i64::MAX);
        let age = now.as_second().saturating_sub(sent_at.as_second());
        if age > tolerance {
            Err(DeliveryRefused::TooOld)
        } else if age < -tolerance {
            Err(DeliveryRefused::FromTheFuture)
        } else {
            Ok(Delivery { id: signed.id, sent_at })
        }
    }
}

impl<'a> Signed<'a> {
    /// Each of the three headers must occur exactly once.
    pub fn of(headers: &'a HeaderMap) -> Result<Signed<'a>, DeliveryRefused> {
        let one = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let (Some(value), None) = (values.next(), values.next()) else {
                return Err(DeliveryRefused::HeaderMissing);
            };
            value.to_str().map_err(|_| DeliveryRefused::HeaderMalformed)
        };
        Ok(Signed { id: one(ID)?, timestamp: one(TIMESTAMP)?, signature: one(SIGNATURE)? })
    }

    /// Signatures of other versions are ignored, as the scheme requires, and so is a malformed one,
    /// which matches nothing.
    fn read(&self) -> Option<(Timestamp, Vec<[u8; 32]>)> {
        let digits = self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !(1..=SECONDS_DIGITS_MAX).contains(&self.timestamp.len()) {
            return None;
        }
        // A dot in the id would let one text be signed as two different messages.
        if self.id.is_empty() || self.id.contains('.') || self.signature.len() > HEADER_BYTES_MAX {
            return None;
        }
        let sent_at = Timestamp::from_second(self.timestamp.parse().ok()?).ok()?;
        let signatures = self.signature.split(' ').filter_map(|item| {
            let (version, text) = item.split_once(',')?;
            (version == VERSION).then(|| STANDARD.decode(text).ok()?.try_into().ok())?
        });
        Some((sent_at, signatures.take(SIGNATURES_MAX).collect()))
    }
}

fn key(secret: &str) -> Result<Vec<u8>, InvalidSecret> {
    let text = secret.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
    let key = SECRETS.decode(text).map_err(|_| InvalidSecret)?;
    if key.is_empty() { Err(InvalidSecret) } else { Ok(key) }
}

fn sign(key: &[u8], signed: &Signed<'_>, body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in [signed.id.as_bytes(), b".", signed.timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Leaves out the secrets, because debug output may be stored.
impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.keys.len();
        out.debug_struct("Verifier").field("secrets", &secrets).field("tolerance", &self.tolerance).finish()
    }
}

#[cfg(test)]
mod tests;
