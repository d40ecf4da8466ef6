//! Idempotency: the verdict on a key that exists.

use alloc::string::String;
use alloc::vec::Vec;
use sha2::{Digest, Sha256};

use crate::rows::Key;
use crate::working_set::{Column, Kind, Value};

/// SHA-256 of method, path and canonical JSON body of the first request with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// `canonical_body` is the body as RFC 8785 has it, so that white space and the order of
    /// members do not count.
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
pub enum KeyProgress {
    InFlight,
    Finished,
}

impl KeyProgress {
    pub fn name(&self) -> &'static str {
        match self {
            KeyProgress::InFlight => "in_flight",
            KeyProgress::Finished => "finished",
        }
    }
    pub fn from_name(name: &str) -> Option<KeyProgress> {
        [KeyProgress::InFlight, KeyProgress::Finished].into_iter().find(|progress| progress.name() == name)
    }
}
crate::named_column!(KeyProgress);

/// The reply to a request with a known key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownKey {
    /// Not finished: 409 `request_in_progress`, with the resource of the operation.
    InFlight { resource: Option<uuid::Uuid> },
    /// Finished: the stored reply, byte for byte.
    Replay { status: i64, body: String },
    /// Finished, and its reply was pruned: 409 `idempotency_key_expired`. The operation is never repeated.
    Expired { resource: Option<uuid::Uuid> },
    /// The request differs from the key's first one: 422 `idempotency_key_reused`.
    Mismatch,
}

/// The verdict on a key that exists, for a request with this fingerprint.
pub fn known_key(key: &Key, fingerprint: &Fingerprint) -> KnownKey {
    if key.fingerprint != *fingerprint {
        return KnownKey::Mismatch;
    }
    match (key.progress, key.status, &key.body) {
        (KeyProgress::InFlight, _, _) => KnownKey::InFlight { resource: key.resource },
        (KeyProgress::Finished, Some(status), Some(body)) => KnownKey::Replay { status, body: body.clone() },
        (KeyProgress::Finished, _, _) => KnownKey::Expired { resource: key.resource },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClientId, KeyId, TenantId};
    use crate::time::Timestamp;
    use uuid::Uuid;

    fn key(progress: KeyProgress, status: Option<i64>, body: Option<&str>) -> Key {
        Key {
            id: KeyId(Uuid::nil()),
            tenant: TenantId(Uuid::nil()),
            client: ClientId(Uuid::nil()),
            text: "key".into(),
            fingerprint: Fingerprint::of("POST", "/v1/payments", b"{}"),
            progress,
            status,
            body: body.map(String::from),
            resource: Some(Uuid::max()),
            location: None,
            request_id: "request".into(),
            created_at: Timestamp(0),
            finished_at: None,
        }
    }

    #[test]
    fn a_known_key_answers_by_its_progress() {
        let resource = Some(Uuid::max());
        let same = Fingerprint::of("POST", "/v1/payments", b"{}");
        let check = |key: Key, expected: KnownKey| assert_eq!(known_key(&key, &same), expected);
        check(key(KeyProgress::InFlight, None, None), KnownKey::InFlight { resource });
        let replay = KnownKey::Replay { status: 201, body: "{}".into() };
        check(key(KeyProgress::Finished, Some(201), Some("{}")), replay);
        check(key(KeyProgress::Finished, Some(201), None), KnownKey::Expired { resource });
        check(key(KeyProgress::Finished, None, None), KnownKey::Expired { resource });
    }

    /// A different request gets the mismatch first, and never the reply of the first request.
    #[test]
    fn another_request_never_sees_the_reply() {
        let other = Fingerprint::of("POST", "/v1/payments", b"{\"a\":1}");
        for known in [
            key(KeyProgress::InFlight, None, None),
            key(KeyProgress::Finished, Some(201), Some("{}")),
            key(KeyProgress::Finished, Some(201), None),
        ] {
            assert_eq!(known_key(&known, &other), KnownKey::Mismatch);
        }
    }

    #[test]
    fn a_fingerprint_is_of_method_path_and_body_apart() {
        let of = Fingerprint::of;
        assert_eq!(of("POST", "/a", b"b"), of("POST", "/a", b"b"));
        for other in
            [of("PUT", "/a", b"b"), of("POST", "/ab", b""), of("POST", "/", b"ab"), of("POST", "/a", b"")]
        {
            assert_ne!(other, of("POST", "/a", b"b"));
        }
        let stored = Fingerprint::read(Value::Bytes(of("POST", "/a", b"b").0.to_vec().into()));
        assert_eq!(stored, Some(of("POST", "/a", b"b")));
        assert_eq!(Fingerprint::read(Value::Bytes(alloc::vec![0; 31].into())), None);
    }
}
