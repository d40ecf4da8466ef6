//! A Redis, a database beside it, and requests that claim keys.

use std::sync::Arc;
use std::time::Duration;

use adapter_redis::Settings;
use domain::idempotency::Fingerprint;
use domain::working_set::Claim;
use domain::{ClientId, KeyId, TenantId};
use providers::Secret;
use server::ports::cache::{Cache, CacheAdapter as _};
use server::ports::idempotency_cache::{CacheLookup, InFlightMarker, KnownDuplicate};
use store::{Rendered, Store};
use test_servers::redis::{Options, Private};
use testkit::{Engine, OnEngine as _, TestDatabase, until};
use uuid::Uuid;

/// Longer than any test: a marker that disappears in a test was released.
const LEASE: Duration = Duration::from_mins(1);
/// For events that come within a moment. Only a failing test waits this long.
const SOON: Duration = Duration::from_secs(30);

pub struct RedisFixture {
    pub redis: Private,
    pub store: Store,
    _database: TestDatabase,
}

impl RedisFixture {
    pub async fn new() -> RedisFixture {
        RedisFixture::with(Options::default()).await
    }

    pub async fn with(options: Options) -> RedisFixture {
        let database = TestDatabase::on(Engine::Sqlite).await;
        let store = database.open().await;
        RedisFixture { redis: Private::start(options).unwrap(), store, _database: database }
    }

    /// A machine that is busy with other tests must not be taken for a Redis that hangs.
    pub fn settings(&self) -> Settings {
        // Longer than a busy machine stalls: here Redis must answer.
        let timeout = Duration::from_secs(10);
        Settings { lease: LEASE, timeout, ..Settings::new(Secret::new(self.redis.url())) }
    }

    /// A connected cache, as a server has it.
    pub async fn server(&self) -> Cache {
        self.server_with(&self.settings()).await
    }

    pub async fn server_with(&self, settings: &Settings) -> Cache {
        let shared = settings.open(&self.store).await.unwrap();
        connected(&shared).await;
        shared
    }

    pub fn key(&self) -> String {
        let keys = self.redis.command(&["KEYS", "*"]).unwrap();
        assert!(!keys.is_empty() && !keys.contains('\n'), "one key: {keys}");
        keys
    }

    pub fn number(&self, arguments: &[&str]) -> i64 {
        self.redis.command(arguments).unwrap().parse().unwrap()
    }

    pub fn keys(&self) -> i64 {
        self.number(&["DBSIZE"])
    }

    /// How often Redis has carried out a command since its start.
    pub fn carried_out(&self, command: &str) -> u64 {
        let stats = self.redis.command(&["INFO", "commandstats"]).unwrap();
        let calls = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
    }
}

/// Looks up until Redis answers: a marker is set and found.
pub async fn connected(shared: &Cache) {
    until("redis answers", async || {
        let probe = claim(&format!("probe-{:032x}", rand::random::<u128>()), "{}");
        let first = shared.idempotency.lookup(&probe).await;
        let second = shared.idempotency.lookup(&probe).await;
        let CacheLookup::Decide(marker) = first else { panic!("the key is known already") };
        marker.settle(None).await;
        matches!(second, CacheLookup::Known(KnownDuplicate::InFlight { .. })).then_some(())
    })
    .await;
}

/// For work that must not wait for anything that may never come.
pub async fn soon<T>(what: &str, act: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(SOON, act).await;
    done.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

pub fn claim(key: &str, body: &str) -> Claim {
    let (tenant, client) = (TenantId(Uuid::from_u128(1)), ClientId(Uuid::from_u128(2)));
    Claim {
        key: KeyId::of(tenant, client, key),
        tenant,
        client,
        text: key.to_owned(),
        fingerprint: Fingerprint::of("POST", "/v1/charges", body.as_bytes()),
        request_id: "request".to_owned(),
    }
}

pub fn reply(body: &str) -> Rendered {
    Rendered { status: 201, body: body.to_owned(), location: Some("/v1/payments/1".to_owned()) }
}

/// Checks that the database decides, and returns the marker.
pub async fn decides(shared: &Cache, claim: &Claim) -> Arc<dyn InFlightMarker> {
    match shared.idempotency.lookup(claim).await {
        CacheLookup::Decide(marker) => marker,
        CacheLookup::Known(known) => panic!("{} is known: {known:?}", claim.text),
    }
}

pub async fn known(shared: &Cache, claim: &Claim) -> KnownDuplicate {
    match shared.idempotency.lookup(claim).await {
        CacheLookup::Known(known) => known,
        CacheLookup::Decide(_) => panic!("{} is not known", claim.text),
    }
}
