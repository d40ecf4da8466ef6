//! Redis is gone, hangs, forgets or is full: the database answers, and nothing waits for Redis.

use std::sync::Arc;
use std::time::Duration;

use adapter_redis::Settings;
use futures_util::future::join_all;
use providers::Secret;
use server::ports::cache::{Cache, CacheAdapter as _};
use server::ports::idempotency_cache::{CacheLookup, InFlightMarker, KnownDuplicate};
use test_servers::redis::Options;
use testkit::until;

use crate::redis_fixture::{RedisFixture, claim, connected, decides, known, reply, soon};

const MANY: usize = 300;

/// Different requests, all answered by the database.
async fn all_decided_by_the_database(shared: &Cache, round: &str) -> Vec<Arc<dyn InFlightMarker>> {
    let claims: Vec<_> = (0..MANY).map(|number| claim(&format!("{round}-{number}"), "{}")).collect();
    let lookup =
        soon("all are answered", join_all(claims.iter().map(|claim| shared.idempotency.lookup(claim)))).await;
    let markers = lookup.into_iter().map(|lookup| match lookup {
        CacheLookup::Decide(marker) => marker,
        CacheLookup::Known(known) => panic!("known: {known:?}"),
    });
    markers.collect()
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_no_reason_not_to_start() {
    let fixture = RedisFixture::new().await;
    fixture.redis.kill().unwrap();
    let server = fixture.settings().open(&fixture.store).await.unwrap();
    for marker in all_decided_by_the_database(&server, "gone").await {
        marker.settle(Some(&reply("{}"))).await;
    }
    fixture.redis.restart().unwrap();
    connected(&server).await;
    assert_eq!(fixture.keys(), 0);
}

#[tokio::test]
async fn an_address_that_cannot_be_one_is_refused_and_not_repeated() {
    let fixture = RedisFixture::new().await;
    for url in ["", "hunter2", "http://:hunter2@127.0.0.1:1", "redis://:hunter2@127.0.0.1:port"] {
        let refused = Settings::new(Secret::new(url)).open(&fixture.store).await.err();
        let refused = refused.expect("it is no address");
        assert!(refused.starts_with("redis: the address") && !refused.contains("hunter2"), "{refused}");
    }
}

#[tokio::test]
async fn a_redis_that_is_killed_is_found_again() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let same = claim("k", "{}");
    let marker = decides(&server, &same).await;
    fixture.redis.kill().unwrap();
    decides(&server, &same).await.settle(None).await;
    marker.settle(Some(&reply("{}"))).await;
    all_decided_by_the_database(&server, "killed").await;
    fixture.redis.restart().unwrap();
    connected(&server).await;
    // It has forgotten everything: the database answers, and Redis gets the reply again.
    decides(&server, &same).await.settle(Some(&reply("{}"))).await;
    assert_eq!(known(&server, &same).await, KnownDuplicate::Replay(reply("{}")));
}

#[tokio::test]
async fn what_is_flushed_is_asked_of_the_database() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let (done, held) = (claim("done", "{}"), claim("held", "{}"));
    decides(&server, &done).await.settle(Some(&reply("{}"))).await;
    let marker = decides(&server, &held).await;
    fixture.redis.command(&["FLUSHALL"]).unwrap();
    for claim in [&done, &held] {
        decides(&server, claim).await.settle(None).await;
    }
    marker.settle(Some(&reply("[]"))).await;
    assert_eq!(known(&server, &held).await, KnownDuplicate::Replay(reply("[]")));
}

/// Judged by the commands that Redis gets: only a few before no more are sent.
#[tokio::test]
async fn a_redis_that_hangs_is_soon_not_asked_any_more() {
    let fixture = RedisFixture::new().await;
    let settings = Settings { timeout: Duration::from_millis(50), ..fixture.settings() };
    let server = fixture.server_with(&settings).await;
    fixture.redis.command(&["CONFIG", "RESETSTAT"]).unwrap();
    fixture.redis.pause().unwrap();
    for round in 0..5 {
        for marker in all_decided_by_the_database(&server, &format!("hung-{round}")).await {
            soon("it is settled", marker.settle(Some(&reply("{}")))).await;
        }
    }
    fixture.redis.resume().unwrap();
    connected(&server).await;
    let sent = fixture.carried_out("set");
    // One round may be on its way before the first timeout.
    assert!(sent < 2 * MANY as u64, "{sent} commands were sent for {} requests", 5 * MANY);
    // A marker that arrived late does no harm after its time.
    let late = claim("hung-4-0", "{}");
    decides(&server, &late).await.settle(Some(&reply("{}"))).await;
    assert_eq!(known(&server, &late).await, KnownDuplicate::Replay(reply("{}")));
}

/// Markers and replies are lost at any moment.
#[tokio::test]
async fn a_redis_that_evicts_says_nothing_wrong() {
    let tiny =
        Options { memory_max_mb: Some(2), eviction: Some("allkeys-random".to_owned()), ..Options::default() };
    let fixture = RedisFixture::with(tiny).await;
    let server = fixture.server().await;
    let body = |number: usize| format!("{number}{}", "x".repeat(8_000));
    let mut lost = 0;
    for number in 0..MANY {
        let request = claim(&format!("k-{number}"), "{}");
        decides(&server, &request).await.settle(Some(&reply(&body(number)))).await;
    }
    for number in 0..MANY {
        match server.idempotency.lookup(&claim(&format!("k-{number}"), "{}")).await {
            CacheLookup::Known(known) => assert_eq!(known, KnownDuplicate::Replay(reply(&body(number)))),
            CacheLookup::Decide(_) => lost += 1,
        }
    }
    assert!((1..MANY).contains(&lost), "{lost} of {MANY} were evicted");
}

/// It still answers, and accepts no new entries.
#[tokio::test]
async fn a_redis_that_is_full_is_done_without() {
    let full =
        Options { memory_max_mb: Some(1), eviction: Some("noeviction".to_owned()), ..Options::default() };
    let fixture = RedisFixture::with(full).await;
    let server = fixture.server().await;
    fixture.redis.command(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    let same = claim("k", "{}");
    for _ in 0..3 {
        decides(&server, &same).await.settle(Some(&reply("{}"))).await;
    }
    fixture.redis.command(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    until("it is used again", async || {
        decides(&server, &same).await.settle(Some(&reply("{}"))).await;
        (fixture.keys() == 1).then_some(())
    })
    .await;
}
