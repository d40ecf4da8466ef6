//! The idempotency cache over Redis.
//!
//! | moment | command to Redis | result |
//! |---|---|---|
//! | lookup | `SET key marker NX PX lease`, `GET key` | the current entry: see [`entry::known_duplicate`] |
//! | work has begun | the marker, if it is still ours, gets the id of the resource; its remaining time is unchanged | |
//! | a reply is stored | `SET key reply PX ttl`, whichever marker is there: the database has decided | |
//! | none is stored | the marker, if it is still ours, is deleted | |
//!
//! If a marker expires early, because of a slow operation or an eviction, one more duplicate
//! reaches the database, which answers it. If a marker stays too long, because its server died or
//! Redis was unreachable when it should have been released, it keeps retries away until it expires.
//! Its time is therefore short, and is never extended: neither by its owner nor by a duplicate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::idempotency::Fingerprint;
use domain::working_set::Claim;
use futures_util::future::{BoxFuture, FutureExt as _};
use redis::{Pipeline, pipe};
use store::Rendered;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::Settings;
use super::entry::{self, MarkerOwner, Names};
use super::link::{Link, RedisUnavailable};
use server::metrics::catalogue::IDEMPOTENCY_CACHE;
use server::metrics::labels::Lookup;
use server::ports::idempotency_cache::{CacheLookup, IdempotencyCache, InFlightMarker, KnownDuplicate};

/// Compared and changed in one step, because the marker could become another's in between. A marker
/// begins with its owner.
const POINT_IF_OURS: &str = "if redis.call('GETRANGE', KEYS[1], 0, -1) == ARGV[1] then \
    redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'KEEPTTL') end";
const DELETE_IF_OURS: &str = "if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] then \
    redis.call('DEL', KEYS[1]) end";

pub struct RedisIdempotencyCache {
    shared: Arc<Shared>,
}

struct Shared {
    link: Link,
    names: Arc<Names>,
    lease: Duration,
    reply_ttl: Duration,
    reply_bytes_max: usize,
}

impl RedisIdempotencyCache {
    pub fn new(link: Link, names: Arc<Names>, settings: &Settings) -> RedisIdempotencyCache {
        let Settings { lease, reply_ttl, reply_bytes_max, .. } = *settings;
        RedisIdempotencyCache { shared: Arc::new(Shared { link, names, lease, reply_ttl, reply_bytes_max }) }
    }

    async fn decide(&self, claim: &Claim) -> CacheLookup {
        let owner: MarkerOwner = rand::random();
        let key = self.shared.names.key(claim.key);
        let marker = entry::marker(&claim.fingerprint, &owner);
        let mut commands = pipe();
        commands.cmd("SET").arg(&key).arg(&marker).arg("NX").arg("PX").arg(milliseconds(self.shared.lease));
        commands.cmd("GET").arg(&key);
        let found: Result<(bool, Option<Vec<u8>>), RedisUnavailable> = self.shared.link.run(&commands).await;
        let (outcome, ours) = match found {
            Ok((true, _)) => (Lookup::Miss, true),
            Ok((false, standing)) => {
                match standing.and_then(|standing| entry::known_duplicate(&standing, &claim.fingerprint)) {
                    Some(known) => {
                        let in_flight = matches!(known, KnownDuplicate::InFlight { .. });
                        IDEMPOTENCY_CACHE.increment(if in_flight { Lookup::Shielded } else { Lookup::Hit });
                        return CacheLookup::Known(known);
                    }
                    None => (Lookup::Miss, false),
                }
            }
            Err(RedisUnavailable::NotSent) => (Lookup::Unavailable, false),
            // It may have been set.
            Err(RedisUnavailable::Unknown) => (Lookup::Unavailable, true),
        };
        IDEMPOTENCY_CACHE.increment(outcome);
        let fingerprint = claim.fingerprint;
        let held = RedisMarker {
            key,
            fingerprint,
            marker,
            ours: AtomicBool::new(ours),
            shared: self.shared.clone(),
        };
        CacheLookup::Decide(Arc::new(held))
    }
}

impl IdempotencyCache for RedisIdempotencyCache {
    fn lookup<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, CacheLookup> {
        self.decide(claim).boxed()
    }
}

/// The request's handle of its marker.
struct RedisMarker {
    key: String,
    fingerprint: Fingerprint,
    marker: Vec<u8>,
    /// The marker was set, or may have been, and is not settled yet.
    ours: AtomicBool,
    shared: Arc<Shared>,
}

impl RedisMarker {
    async fn send(&self, commands: Pipeline) {
        // If this fails, the marker expires.
        let _result: Result<(), RedisUnavailable> = self.shared.link.run(&commands).await;
    }

    fn deletion(&self) -> Pipeline {
        let mut commands = pipe();
        commands.cmd("EVAL").arg(DELETE_IF_OURS).arg(1).arg(&self.key).arg(&self.marker).ignore();
        commands
    }
}

impl InFlightMarker for RedisMarker {
    fn points_at(&self, resource: Uuid) -> BoxFuture<'_, ()> {
        async move {
            if self.ours.load(Ordering::Acquire) {
                let mut commands = pipe();
                let script = commands.cmd("EVAL").arg(POINT_IF_OURS).arg(1).arg(&self.key);
                script.arg(&self.marker).arg(&resource.as_bytes()[..]).ignore();
                self.send(commands).await;
            }
        }
        .boxed()
    }

    fn settle<'a>(&'a self, reply: Option<&'a Rendered>) -> BoxFuture<'a, ()> {
        async move {
            let bytes_max = self.shared.reply_bytes_max;
            match reply.and_then(|reply| entry::finished(&self.fingerprint, reply, bytes_max)) {
                Some(entry) => {
                    let mut commands = pipe();
                    let ttl = milliseconds(self.shared.reply_ttl);
                    commands.cmd("SET").arg(&self.key).arg(entry).arg("PX").arg(ttl).ignore();
                    self.send(commands).await;
                }
                None if self.ours.load(Ordering::Acquire) => self.send(self.deletion()).await,
                None => {}
            }
            self.ours.store(false, Ordering::Release);
        }
        .boxed()
    }
}

/// The request was abandoned: its client disconnected, or its time was over.
impl Drop for RedisMarker {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (*self.ours.get_mut(), Handle::try_current()) {
            let (link, deletion) = (self.shared.link.clone(), self.deletion());
            runtime.spawn(async move {
                let _result: Result<(), RedisUnavailable> = link.run(&deletion).await;
            });
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
