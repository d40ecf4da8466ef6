//! Idempotency: what a key that was seen before means.

use alloc::string::String;
use alloc::vec::Vec;
use sha2::{Digest, Sha256};

use crate::rows::Key;
use crate::working_set::{Column, Kind, Value};

/// SHA-256 of method, path and canonical JSON body: what the key was first used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// `canonical_body` is the body by RFC 8785, so that white space and member order do not count.
    pub fn of(method: &str, path: &str, canonical_body: &[u8]) -> Fingerprint {
        let mut hash = Sha256::new();
        for part in [method.as_bytes(), path.as_bytes(), canonical_body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Fingerprint(hash.finalize().into())
    }
}

impl Column for Fingerprint {
    const KIND: Kind = Kind::Bytes;
    fn write(&self) -> Value<'_> {
        Value::Bytes(alloc::borrow::Cow::Borrowed(&self.0))
    }
    fn read(value: Value<'static>) -> Option<Self> {
        let bytes: Vec<u8> = value.bytes()?.into_owned();
        bytes.try_into().ok().map(Fingerprint)
    }
}

/// Whether an operation has its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    InFlight,
    Finished,
}

impl Progress {
    pub fn name(&self) -> &'static str {
        match self {
            Progress::InFlight => "in_flight",
            Progress::Finished => "finished",
        }
    }
    pub fn from_name(name: &str) -> Option<Progress> {
        [Progress::InFlight, Progress::Finished].into_iter().find(|progress| progress.name() == name)
    }
}
crate::named_column!(Progress);

/// What a known key answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not finished: 409 `request_in_progress`, pointing at what it is making.
    InFlight { resource: Option<uuid::Uuid> },
    /// Finished: the stored reply, byte for byte.
    Replay { status: i64, body: String },
    /// Finished, and its reply was pruned: 409 `idempotency_key_expired`. Never done again.
    Expired { resource: Option<uuid::Uuid> },
    /// Another request came with this key: 422 `idempotency_key_reused`.
    Mismatch,
}

/// The verdict on a key that exists, for a request with this fingerprint.
pub fn verdict(key: &Key, fingerprint: &Fingerprint) -> Verdict {
    if key.fingerprint != *fingerprint {
        return Verdict::Mismatch;
    }
    match (key.progress, key.status, &key.body) {
        (Progress::InFlight, _, _) => Verdict::InFlight { resource: key.resource },
        (Progress::Finished, Some(status), Some(body)) => Verdict::Replay { status, body: body.clone() },
        (Progress::Finished, _, _) => Verdict::Expired { resource: key.resource },
    }
}
