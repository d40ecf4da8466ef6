//! What a payment provider can tell us, in our own words.
//!
//! Adapters translate their wire into these; decisions read nothing else. Differs by necessity from
//! provider to provider: how an object is found again, and how long a key protects a call.

use alloc::string::String;

use crate::money::Currency;
use crate::rows::{Failure, NextAction};

/// The provider's object for a payment, as an answer, a webhook or a fetch showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The provider's id of the object.
    pub object: String,
    pub status: Status,
    /// What it was made for.
    pub amount_minor: i64,
    pub currency: Currency,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Exists, and was never confirmed: no money can move.
    Unconfirmed,
    /// The last try was declined. Not terminal: the object could still be confirmed again.
    Declined(Failure),
    NeedsAction(NextAction),
    /// The provider works on it.
    Processing,
    Authorized {
        amount_minor: i64,
    },
    Captured {
        amount_minor: i64,
    },
    /// Terminal: no money moved and none can.
    Cancelled,
}

impl Status {
    /// Money is reserved or taken.
    pub fn has_money(&self) -> bool {
        matches!(self, Status::Authorized { .. } | Status::Captured { .. })
    }
}

/// The provider's object for a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundObservation {
    pub object: String,
    pub status: RefundStatus,
    pub amount_minor: i64,
    pub currency: Currency,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed(Failure),
}

/// How we came to know. The answer to our own call moves the attempt and the payment; only the
/// others move a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Answer,
    Fetched,
    Webhook,
}

impl Source {
    pub fn is_evidence(self) -> bool {
        matches!(self, Source::Fetched | Source::Webhook)
    }
}

/// What became of a call that moves money, as far as one answer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<O> {
    /// The provider answered with the object as it is now.
    Object(O),
    /// The provider refused the call itself; nothing changed there. `object` where it came along.
    Refused { code: String, object: Option<O> },
    /// It provably never left us, or the provider turned it away unread (connect error, 429).
    /// `asked`: whether the provider was. Not while our own circuit to it is open, or no worker is free.
    NotSent { error: String, retry_after_seconds: Option<i64>, asked: bool },
    /// It may or may not have happened.
    Unknown { error: String },
}

impl<O> Heard<O> {
    /// Of a look, which moves nothing: what it showed, or why it showed nothing.
    pub fn shown(self) -> Result<O, String> {
        match self {
            Heard::Object(object) => Ok(object),
            Heard::Refused { code: why, .. }
            | Heard::NotSent { error: why, .. }
            | Heard::Unknown { error: why } => Err(why),
        }
    }
}
