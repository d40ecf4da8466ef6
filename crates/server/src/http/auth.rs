//! Authentication: an API key becomes a tenant, a client and its scopes.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::Code;
pub use api::requests::Scope;
use domain::rows::{ApiKey, Mode, Subject};
use domain::{ApiKeyId, ClientId, TenantId};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::permission::shown_by;
use super::{App, RefusedRequest};
use crate::work_context::WorkContext;

/// A longer secret is not one of ours, and is not hashed.
const SECRET_BYTES_MAX: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatedClient {
    pub tenant: TenantId,
    pub client: ClientId,
    pub mode: Mode,
    /// Whether the client has a limit on held seats.
    pub client_is_limited: bool,
    /// One bit per scope.
    scopes: u8,
}

impl AuthenticatedClient {
    fn of(key: &ApiKey, client_is_limited: bool) -> AuthenticatedClient {
        let has = |scope: Scope| key.scopes.0.iter().any(|name| name == scope.name());
        let scopes =
            Scope::ALL.into_iter().filter(|scope| has(*scope)).fold(0, |all, scope| all | bit(scope));
        AuthenticatedClient {
            tenant: key.tenant,
            client: key.client,
            mode: key.mode,
            client_is_limited,
            scopes,
        }
    }

    fn has(&self, any: &[Scope]) -> bool {
        any.iter().any(|scope| self.scopes & bit(*scope) != 0)
    }

    /// Whether the key may see rows about such a subject.
    pub fn may_see(&self, subject: Subject) -> bool {
        self.has(shown_by(subject))
    }

    /// Any one of the scopes is enough.
    pub fn may(&self, any: &[Scope]) -> Result<(), RefusedRequest> {
        if self.has(any) {
            return Ok(());
        }
        let names: Vec<_> = any.iter().map(|scope| scope.name()).collect();
        Err(RefusedRequest::from(Code::ScopeIsMissing)
            .detail(format!("This needs the scope {}.", names.join(" or "))))
    }
}

fn bit(scope: Scope) -> u8 {
    1 << scope as u8
}

/// The work context of the request. The guard gave every request one.
pub fn work_context(parts: &Parts) -> &WorkContext {
    parts.extensions.get::<Arc<WorkContext>>().expect("the guard stands around every endpoint")
}

/// The client of the request's key, if the key is known and not revoked.
pub async fn caller(app: &App, parts: &Parts) -> Result<AuthenticatedClient, RefusedRequest> {
    let caller = known(app, &parts.headers).await?;
    work_context(parts).is_requested_by(caller.tenant, caller.client);
    Ok(caller)
}

async fn known(app: &App, headers: &HeaderMap) -> Result<AuthenticatedClient, RefusedRequest> {
    let secret = secret(headers).ok_or(Code::Unauthenticated)?;
    let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let id = ApiKeyId::of_secret_hash(&hash);
    if let Some(caller) = app.known_keys.get(id, &hash) {
        return Ok(caller);
    }
    let epoch = app.known_keys.epoch();
    let key = app.store().api_key(id).await?.filter(|key| is_of(key, &hash)).ok_or(Code::Unauthenticated)?;
    let client = app.store().client(key.tenant, key.client).await?;
    let limited = client.is_some_and(|client| client.held_seats_max.is_some());
    let caller = AuthenticatedClient::of(&key, limited);
    app.known_keys.put(id, hash, caller, epoch);
    Ok(caller)
}

fn is_of(key: &ApiKey, hash: &[u8; 32]) -> bool {
    key.revoked_at.is_none() && bool::from(key.hash.as_slice().ct_eq(hash))
}

/// The scheme in any case, as RFC 9110 section 11.1 requires. Two headers count as none.
fn secret(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    let sane = !secret.is_empty() && secret.len() <= SECRET_BYTES_MAX;
    (scheme.eq_ignore_ascii_case("bearer") && sane).then_some(secret)
}

/// Keys that were valid a moment ago: every request needs one, and there are few keys. Only valid
/// keys are kept, so guesses cannot fill the cache.
pub struct KnownKeys {
    memory: Mutex<Memory>,
    keys_max: usize,
    ttl: Duration,
}

#[derive(Default)]
struct Memory {
    known: HashMap<ApiKeyId, Known>,
    epoch: Epoch,
}

/// How often the cache was cleared. A key that was read before may have changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Epoch(u64);

struct Known {
    hash: [u8; 32],
    caller: AuthenticatedClient,
    until: Instant,
}

impl KnownKeys {
    pub fn new(keys_max: usize, ttl: Duration) -> KnownKeys {
        KnownKeys { memory: Mutex::default(), keys_max, ttl }
    }

    fn get(&self, id: ApiKeyId, hash: &[u8; 32]) -> Option<AuthenticatedClient> {
        let memory = self.memory();
        let known = memory.known.get(&id)?;
        let good = bool::from(known.hash.ct_eq(hash)) && Instant::now() < known.until;
        good.then_some(known.caller)
    }

    fn epoch(&self) -> Epoch {
        self.memory().epoch
    }

    /// `epoch` was taken before the key was read.
    fn put(&self, id: ApiKeyId, hash: [u8; 32], caller: AuthenticatedClient, epoch: Epoch) {
        let now = Instant::now();
        let mut memory = self.memory();
        if memory.epoch != epoch {
            return;
        }
        if memory.known.len() >= self.keys_max {
            memory.known.retain(|_, known| known.until > now);
        }
        if memory.known.len() < self.keys_max {
            memory.known.insert(id, Known { hash, caller, until: now + self.ttl });
        }
    }

    /// A change takes effect in this process at once; in others once their cached keys have
    /// expired.
    pub fn forget(&self) {
        let mut memory = self.memory();
        memory.known.clear();
        memory.epoch.0 += 1;
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock()
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::working_set::Json;
    use uuid::Uuid;

    use super::*;

    fn key(scopes: &[&str]) -> ApiKey {
        ApiKey {
            id: ApiKeyId(Uuid::from_u128(1)),
            tenant: TenantId(Uuid::from_u128(2)),
            client: ClientId(Uuid::from_u128(3)),
            hash: vec![7; 32],
            scopes: Json(scopes.iter().map(ToString::to_string).collect()),
            mode: Mode::Test,
            created_at: Timestamp(0),
            revoked_at: None,
        }
    }

    #[test]
    fn the_secret_of_a_header() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            secret(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer sk_test_1"]).as_deref(), Some("sk_test_1"));
        assert_eq!(of(&["bearer sk_test_1"]).as_deref(), Some("sk_test_1"));
        for refused in [&[][..], &["sk_test_1"], &["Basic sk"], &["Bearer "], &["Bearer a", "Bearer a"]] {
            assert_eq!(of(refused), None, "{refused:?}");
        }
        assert_eq!(of(&[&format!("Bearer {}", "a".repeat(257))]), None);
    }

    #[test]
    fn only_the_whole_hash_of_a_live_key() {
        let revoked = ApiKey { revoked_at: Some(Timestamp(1)), ..key(&[]) };
        let mut other = [7; 32];
        other[31] = 8;
        assert!(is_of(&key(&[]), &[7; 32]));
        assert!(!is_of(&key(&[]), &other), "the same first bytes are not enough");
        assert!(!is_of(&revoked, &[7; 32]));
    }

    #[test]
    fn a_scope_that_was_not_given_is_missing() {
        let caller = AuthenticatedClient::of(&key(&["bookings", "unheard_of"]), false);
        assert!(caller.may(&[Scope::Bookings]).is_ok());
        assert!(caller.may(&[Scope::Ops, Scope::Bookings]).is_ok());
        let refused = caller.may(&[Scope::Payments, Scope::Ledger]).unwrap_err();
        assert_eq!(refused.problem.code, "scope_is_missing");
        assert_eq!(refused.problem.detail, "This needs the scope payments or ledger.");
    }

    #[test]
    fn a_key_sees_the_subjects_of_its_scopes() {
        let seen = |scope: &str| {
            let caller = AuthenticatedClient::of(&key(&[scope]), false);
            Subject::ALL
                .iter()
                .filter(|subject| caller.may_see(**subject))
                .map(Subject::name)
                .collect::<Vec<_>>()
        };
        assert_eq!(seen("bookings"), ["booking", "product", "slot", "resource", "schedule"]);
        assert_eq!(seen("payments"), ["payment", "refund", "dispute", "customer"]);
        assert_eq!(seen("catalogue"), ["product", "slot", "resource", "schedule"]);
        let of_operators = ["event", "tenant", "api_key", "job", "delivery", "reconciliation", "difference"];
        assert_eq!(seen("ops"), of_operators);
        assert_eq!(seen("ledger"), [""; 0]);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let caller = AuthenticatedClient::of(&key(&[]), false);
        let keys = KnownKeys::new(1, Duration::from_mins(1));
        let id = |number: u128| ApiKeyId(Uuid::from_u128(number));
        keys.put(id(1), [1; 32], caller, Epoch(0));
        keys.put(id(2), [2; 32], caller, Epoch(0));
        assert_eq!(keys.get(id(1), &[1; 32]), Some(caller));
        assert_eq!(keys.get(id(1), &[9; 32]), None, "another secret with the same first bytes");
        assert_eq!(keys.get(id(2), &[2; 32]), None, "there was no room");
        let short = KnownKeys::new(1, Duration::ZERO);
        short.put(id(1), [1; 32], caller, Epoch(0));
        assert_eq!(short.get(id(1), &[1; 32]), None, "its time is up");
        short.put(id(2), [2; 32], caller, Epoch(0));
        assert_eq!(short.memory().known.len(), 1, "what is over makes room");
    }

    #[test]
    fn what_was_read_before_all_was_forgotten_is_not_remembered() {
        let caller = AuthenticatedClient::of(&key(&[]), false);
        let keys = KnownKeys::new(9, Duration::from_mins(1));
        let id = ApiKeyId(Uuid::from_u128(1));
        let before = keys.epoch();
        keys.forget();
        keys.put(id, [1; 32], caller, before);
        assert_eq!(keys.get(id, &[1; 32]), None, "it may have been revoked meanwhile");
        keys.put(id, [1; 32], caller, keys.epoch());
        assert_eq!(keys.get(id, &[1; 32]), Some(caller));
    }
}
