//! The value of a key, and what it means for a request.
//!
//! | byte | marker | finished |
//! |---|---|---|
//! | 0 | `m` | `f` |
//! | 1 to 32 | the fingerprint of the request that set it | the fingerprint that the database keeps |
//! | then | 16 bytes that only its owner knows; 16 more, once known, with the id of the resource that the key makes | status (2), length of the location (2, `0xffff` for none), location, body |
//!
//! Numbers are big-endian. A value that cannot be read is ignored.

use domain::KeyId;
use domain::idempotency::Fingerprint;
use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};
use store::Rendered;
use uuid::Uuid;

use server::ports::idempotency_cache::KnownDuplicate;

/// If the form of the entries changes, this number changes.
const FORM: &str = "surehold:1";
const MARKER: u8 = b'm';
const FINISHED: u8 = b'f';
const NO_LOCATION: u16 = u16::MAX;
const ID: usize = 16;

/// The names of a database's entries.
#[derive(Debug)]
pub struct Names {
    database: Uuid,
    epoch: String,
    /// The part of its history.
    history: RwLock<String>,
}

impl Names {
    pub fn new(database: Uuid, lineage: &str, epoch: &str) -> Names {
        let history = RwLock::new(history(lineage, epoch));
        Names { database, epoch: epoch.to_owned(), history }
    }

    /// Switches to the entries of this part of the history. Returns whether it has changed.
    pub fn follow(&self, lineage: &str) -> bool {
        let now = history(lineage, &self.epoch);
        let mut history = self.history.write();
        let another = *history != now;
        *history = now;
        another
    }

    pub fn key(&self, key: KeyId) -> String {
        let history = self.history.read();
        format!("{FORM}:{}:{}:key:{}", self.database.simple(), *history, key.0.simple())
    }

    pub fn floor(&self, budget: &str) -> String {
        format!("{FORM}:{}:floor:{budget}", self.database.simple())
    }
}

fn history(lineage: &str, epoch: &str) -> String {
    let mut hash = Sha256::new();
    for part in [lineage, epoch] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..4])
}

/// The owner of a marker: a new random value for each request.
pub type MarkerOwner = [u8; ID];

/// A marker as it is first set. Its beginning, with the owner, never changes.
pub fn marker(fingerprint: &Fingerprint, owner: &MarkerOwner) -> Vec<u8> {
    [&[MARKER][..], &fingerprint.0, owner].concat()
}

/// `None`: the reply is not kept here.
pub fn finished(fingerprint: &Fingerprint, reply: &Rendered, bytes_max: usize) -> Option<Vec<u8>> {
    let location = reply.location.as_deref();
    let length = location.map_or(Some(NO_LOCATION), |path| {
        u16::try_from(path.len()).ok().filter(|length| *length != NO_LOCATION)
    })?;
    let entry = [
        &[FINISHED][..],
        &fingerprint.0,
        &reply.status.to_be_bytes(),
        &length.to_be_bytes(),
        location.unwrap_or_default().as_bytes(),
        reply.body.as_bytes(),
    ]
    .concat();
    (entry.len() <= bytes_max).then_some(entry)
}

/// The verdict of the entry on a request with this fingerprint; `None`: the database decides.
///
/// A marker of *another* request gives no verdict: that request may still be refused without a
/// trace, and then this one would be the first.
pub fn known_duplicate(entry: &[u8], fingerprint: &Fingerprint) -> Option<KnownDuplicate> {
    let (kind, rest) = entry.split_first()?;
    let (theirs, rest) = rest.split_at_checked(fingerprint.0.len())?;
    let same = theirs == fingerprint.0;
    match (*kind, same) {
        (MARKER, true) => marked(rest),
        (FINISHED, true) => reply(rest).map(KnownDuplicate::Replay),
        (FINISHED, false) => reply(rest).map(|_| KnownDuplicate::Mismatch),
        _ => None,
    }
}

fn marked(rest: &[u8]) -> Option<KnownDuplicate> {
    let (_owner, resource) = rest.split_at_checked(ID)?;
    let resource = match resource {
        [] => None,
        bytes => Some(Uuid::from_slice(bytes).ok()?),
    };
    if fault_injection::is(fault_injection::InjectedFault::CacheTrustedForUnfinished) {
        let body = format!("{{\"id\":\"{}\"}}", resource.unwrap_or_default());
        return Some(KnownDuplicate::Replay(Rendered { status: 201, body, location: None }));
    }
    Some(KnownDuplicate::InFlight { resource })
}

fn reply(rest: &[u8]) -> Option<Rendered> {
    let (status, rest) = number(rest)?;
    let (length, rest) = number(rest)?;
    let (location, body) = match length {
        NO_LOCATION => (None, rest),
        length => {
            let (location, body) = rest.split_at_checked(length.into())?;
            (Some(str::from_utf8(location).ok()?.to_owned()), body)
        }
    };
    let body = str::from_utf8(body).ok()?.to_owned();
    (100..600).contains(&status).then_some(Rendered { status, body, location })
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Fingerprint = Fingerprint([1; 32]);
    const OTHER: Fingerprint = Fingerprint([2; 32]);
    const OWNER: MarkerOwner = [7; ID];

    fn rendered(location: Option<&str>) -> Rendered {
        Rendered { status: 201, body: "{\"id\":\"é\"}".to_owned(), location: location.map(str::to_owned) }
    }

    #[test]
    fn an_entry_is_a_known_duplicate_for_its_request() {
        let check = |entry: &[u8], expected: Option<KnownDuplicate>| {
            assert_eq!(known_duplicate(entry, &MINE), expected, "{entry:?}");
        };
        let making = Uuid::from_u128(5);
        check(&marker(&MINE, &OWNER), Some(KnownDuplicate::InFlight { resource: None }));
        let pointing = [&marker(&MINE, &OWNER)[..], making.as_bytes()].concat();
        check(&pointing, Some(KnownDuplicate::InFlight { resource: Some(making) }));
        check(&marker(&OTHER, &OWNER), None);
        check(&[&marker(&OTHER, &OWNER)[..], making.as_bytes()].concat(), None);
        for location in [None, Some(""), Some("/v1/payments/1")] {
            let reply = rendered(location);
            check(&finished(&MINE, &reply, 1_000).unwrap(), Some(KnownDuplicate::Replay(reply.clone())));
            check(&finished(&OTHER, &reply, 1_000).unwrap(), Some(KnownDuplicate::Mismatch));
        }
    }

    #[test]
    fn an_unreadable_entry_is_ignored() {
        let whole = finished(&MINE, &rendered(Some("/v1/payments/1")), 1_000).unwrap();
        // From here on a shorter text is a shortened body, which may be readable.
        let head = 1 + 32 + 2 + 2 + "/v1/payments/1".len();
        for length in 0..head {
            assert_eq!(known_duplicate(&whole[..length], &MINE), None, "{length}");
        }
        let marker = marker(&MINE, &OWNER);
        for length in 0..marker.len() {
            assert_eq!(known_duplicate(&marker[..length], &MINE), None, "{length}");
        }
        assert_eq!(known_duplicate(&[&marker[..], &[0; 5]].concat(), &MINE), None);
        let broken = |at: usize, byte: u8| {
            let mut broken = whole.clone();
            broken[at] = byte;
            known_duplicate(&broken, &MINE)
        };
        assert_eq!(broken(0, b'x'), None);
        assert_eq!(broken(33, 0xff), None, "no status");
        assert_eq!(broken(35, 0x7f), None, "a location longer than the entry");
        assert_eq!(broken(head + 1, 0xff), None, "no text");
        assert_eq!(known_duplicate(b"", &MINE), None);
        assert_eq!(known_duplicate(b"PONG", &MINE), None);
    }

    #[test]
    fn a_reply_that_is_too_large_is_not_kept() {
        let reply = rendered(None);
        let bytes = finished(&MINE, &reply, usize::MAX).unwrap().len();
        assert!(finished(&MINE, &reply, bytes).is_some());
        assert!(finished(&MINE, &reply, bytes - 1).is_none());
        let endless = Rendered { location: Some("/".repeat(usize::from(NO_LOCATION))), ..reply };
        assert!(finished(&MINE, &endless, usize::MAX).is_none());
    }

    #[test]
    fn entries_of_another_database_or_another_history_are_separate() {
        let key = KeyId(Uuid::from_u128(9));
        let name = |database: u128, lineage: &str, epoch: &str| {
            Names::new(Uuid::from_u128(database), lineage, epoch).key(key)
        };
        let all =
            [name(1, "a", ""), name(2, "a", ""), name(1, "b", ""), name(1, "a", "b"), name(1, "", "ab")];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| other != one), "{one}");
        }
        assert_eq!(name(1, "a", "e"), name(1, "a", "e"));
    }
}
