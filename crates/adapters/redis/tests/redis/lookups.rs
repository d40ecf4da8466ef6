//! The verdicts of the cache, and the entries that it leaves.

use adapter_redis::Settings;
use server::ports::idempotency_cache::KnownDuplicate;
use test_servers::redis::{Options, Persistence};
use testkit::until;
use uuid::Uuid;

use crate::redis_fixture::{RedisFixture, claim, connected, decides, known, reply};

const UNDER_WAY: KnownDuplicate = KnownDuplicate::InFlight { resource: None };

#[tokio::test]
async fn a_duplicate_waits_and_then_gets_the_reply_byte_for_byte() {
    let fixture = RedisFixture::new().await;
    // Two servers, one Redis.
    let (one, other) = (fixture.server().await, fixture.server().await);
    let (same, changed) = (claim("k", "{\"a\":1}"), claim("k", "{\"a\":2}"));
    let marker = decides(&one, &same).await;
    for server in [&one, &other] {
        assert_eq!(known(server, &same).await, UNDER_WAY);
        // The first may still be refused without a trace: only the database knows.
        decides(server, &changed).await;
    }
    let making = Uuid::from_u128(7);
    marker.points_at(making).await;
    assert_eq!(known(&other, &same).await, KnownDuplicate::InFlight { resource: Some(making) });
    decides(&other, &changed).await;
    let stored = reply("{\"é\": [1]}\n");
    marker.settle(Some(&stored)).await;
    for server in [&one, &other] {
        assert_eq!(known(server, &same).await, KnownDuplicate::Replay(stored.clone()));
        assert_eq!(known(server, &changed).await, KnownDuplicate::Mismatch);
    }
    assert_eq!(fixture.keys(), 1);
}

#[tokio::test]
async fn a_request_that_leaves_nothing_behind_gives_its_marker_back() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let (same, changed) = (claim("k", "{}"), claim("k", "[]"));
    decides(&server, &same).await.settle(None).await;
    assert_eq!(fixture.keys(), 0);
    // Another body under the key is the first one now.
    decides(&server, &changed).await.settle(Some(&reply("{}"))).await;
    assert_eq!(known(&server, &same).await, KnownDuplicate::Mismatch);
}

#[tokio::test]
async fn a_request_that_is_given_up_gives_its_marker_back() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let marker = decides(&server, &claim("k", "{}")).await;
    assert_eq!(fixture.keys(), 1);
    drop(marker);
    until("the marker is gone", async || (fixture.keys() == 0).then_some(())).await;
}

#[tokio::test]
async fn nobody_takes_away_or_changes_the_marker_of_another() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let same = claim("k", "{}");
    let first = decides(&server, &same).await;
    // It lapsed, and a retry was let through.
    fixture.redis.command(&["DEL", &fixture.key()]).unwrap();
    let second = decides(&server, &same).await;
    first.points_at(Uuid::from_u128(7)).await;
    assert_eq!(known(&server, &same).await, UNDER_WAY);
    first.settle(None).await;
    drop(first);
    assert_eq!(known(&server, &same).await, UNDER_WAY);
    // A request that found another's marker leaves it unchanged as well.
    decides(&server, &claim("k", "[]")).await.settle(None).await;
    assert_eq!(known(&server, &same).await, UNDER_WAY);
    second.settle(None).await;
    assert_eq!(fixture.keys(), 0);
}

/// The late reply of a request whose marker expired: a stored reply counts.
#[tokio::test]
async fn a_stored_reply_is_kept_whoever_holds_the_marker() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let same = claim("k", "{}");
    let first = decides(&server, &same).await;
    fixture.redis.command(&["DEL", &fixture.key()]).unwrap();
    let second = decides(&server, &same).await;
    first.settle(Some(&reply("{}"))).await;
    second.settle(None).await;
    assert_eq!(known(&server, &same).await, KnownDuplicate::Replay(reply("{}")));
}

#[tokio::test]
async fn a_marker_is_never_renewed() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let same = claim("k", "{}");
    let marker = decides(&server, &same).await;
    let key = fixture.key();
    let left = || fixture.number(&["PTTL", &key]);
    assert!((1..=60_000).contains(&left()), "{} ms", left());
    fixture.redis.command(&["PEXPIRE", &key, "30000"]).unwrap();
    for act in 0..3 {
        match act {
            0 => assert_eq!(known(&server, &same).await, UNDER_WAY),
            1 => drop(decides(&server, &claim("k", "[]")).await),
            _ => marker.points_at(Uuid::from_u128(7)).await,
        }
        assert!((1..=30_000).contains(&left()), "{} ms after act {act}", left());
    }
    assert!(matches!(known(&server, &same).await, KnownDuplicate::InFlight { resource: Some(_) }));
}

#[tokio::test]
async fn a_reply_is_kept_for_its_time_and_a_large_one_not_at_all() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server_with(&Settings { reply_bytes_max: 1_000, ..fixture.settings() }).await;
    decides(&server, &claim("small", "{}")).await.settle(Some(&reply("{}"))).await;
    let left = fixture.number(&["PTTL", &fixture.key()]);
    assert!((60_001..=24 * 60 * 60 * 1_000).contains(&left), "{left} ms");
    let large = claim("large", "{}");
    decides(&server, &large).await.settle(Some(&reply(&"x".repeat(1_000)))).await;
    assert_eq!(fixture.keys(), 1, "and its marker is given back");
    decides(&server, &large).await;
}

/// A damaged or foreign entry gives no verdict, and the database's reply replaces it.
#[tokio::test]
async fn an_unreadable_entry_is_ignored() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let same = claim("k", "{}");
    let marker = decides(&server, &same).await;
    let key = fixture.key();
    for rubbish in ["", "m", "f", "{\"status\":200}", "\\x00"] {
        fixture.redis.command(&["SET", &key, rubbish]).unwrap();
        decides(&server, &same).await;
        assert_eq!(fixture.redis.command(&["GET", &key]).unwrap(), rubbish, "it was not ours");
    }
    // Not even the right type.
    fixture.redis.command(&["DEL", &key]).unwrap();
    fixture.redis.command(&["LPUSH", &key, "1"]).unwrap();
    decides(&server, &same).await;
    marker.settle(Some(&reply("{}"))).await;
    assert_eq!(known(&server, &same).await, KnownDuplicate::Replay(reply("{}")));
}

/// Markers come back with their remaining time, and stored replies are still true.
#[tokio::test]
async fn an_old_snapshot_brings_nothing_back_that_harms() {
    let fixture =
        RedisFixture::with(Options { persistence: Persistence::Snapshot, ..Options::default() }).await;
    let server = fixture.server().await;
    let (done, held, lapsed) = (claim("done", "{}"), claim("held", "{}"), claim("lapsed", "{}"));
    decides(&server, &done).await.settle(Some(&reply("{}"))).await;
    let short = Settings { lease: std::time::Duration::from_millis(100), ..fixture.settings() };
    let brief = fixture.server_with(&short).await;
    let lapsing = decides(&brief, &lapsed).await;
    let holding = decides(&server, &held).await;
    let snapshot = fixture.redis.save().unwrap();
    for marker in [&holding, &lapsing] {
        marker.settle(Some(&reply("[]"))).await;
    }
    fixture.redis.restore(&snapshot).unwrap();
    connected(&server).await;
    assert_eq!(known(&server, &done).await, KnownDuplicate::Replay(reply("{}")));
    assert_eq!(known(&server, &held).await, UNDER_WAY, "for as long as it would have been");
    until("the marker that had a moment left is gone", async || {
        let asked = server.idempotency.lookup(&lapsed).await;
        matches!(asked, server::ports::idempotency_cache::CacheLookup::Decide(_)).then_some(())
    })
    .await;
    // Its owner gets the same reply, and may store it again.
    holding.settle(Some(&reply("[]"))).await;
    assert_eq!(known(&server, &held).await, KnownDuplicate::Replay(reply("[]")));
}
