//! The floor of a retry budget that all processes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use resilience::SharedBudget;
use resilience::budget::{FloorSource, Settings};
use server::ports::cache::Cache;
use test_servers::redis::Options;
use testkit::until;

use crate::redis_fixture::RedisFixture;

const SERVERS: usize = 4;
const TAKES: usize = 50;

fn settings(floor_per_second: f64) -> Settings {
    // Deposits do not matter here, because there is no fresh request.
    Settings { ratio: 0.0, floor_per_second, ..Settings::default() }
}

async fn servers(fixture: &RedisFixture) -> Vec<Cache> {
    join_all((0..SERVERS).map(|_| fixture.server())).await
}

fn floors(server: &Cache) -> Arc<dyn FloorSource> {
    server.floors.clone().expect("with Redis there are floors")
}

/// A thousandth of a token per second: none comes back while the test runs.
const SLOW: f64 = 0.001;

#[tokio::test]
async fn a_floor_does_not_multiply_by_servers() {
    let fixture = RedisFixture::new().await;
    let servers = servers(&fixture).await;
    // Ten seconds' worth can be saved, at least one whole token.
    for (name, floor_per_second, expected) in
        [("provider-a", SLOW, 1), ("provider-b", 0.3, 3), ("none", 0.0, 0)]
    {
        let settings = settings(floor_per_second);
        let takes = servers.iter().flat_map(|server| (0..TAKES).map(move |_| server)).map(|server| {
            let floors = floors(server);
            async move { floors.take(name, &settings, 1).await.unwrap() }
        });
        let taken: u32 = join_all(takes).await.into_iter().sum();
        // The faster bucket may gain a token or so on a slow machine.
        assert!((expected..=expected + 1).contains(&taken), "{name}: {taken} tokens for {SERVERS} servers");
    }
    // A token that was not wanted is not taken.
    let some = floors(&servers[0]).take("provider-c", &settings(1.0), 4).await.unwrap();
    assert_eq!(some, 4);
}

#[tokio::test]
async fn a_floor_fills_again_by_the_clock_of_redis() {
    let fixture = RedisFixture::new().await;
    let server = fixture.server().await;
    let (floors, settings) = (floors(&server), settings(100.0));
    let all = floors.take("provider", &settings, 1_000).await.unwrap();
    assert!(all >= 1_000, "{all}");
    until("tokens have come back", async || {
        (floors.take("provider", &settings, 1).await == Ok(1)).then_some(())
    })
    .await;
    // Never more than can be saved: the bucket expires once it is full, and a new one is full.
    let key = fixture.redis.command(&["KEYS", "*floor:provider"]).unwrap();
    let left = fixture.number(&["PTTL", &key]);
    assert!((1..=11_000).contains(&left), "{left} ms");
}

/// Without Redis each process has its own floor again: more retries than wanted, none lost.
#[tokio::test]
async fn without_redis_the_local_floor_counts() {
    let fixture = RedisFixture::new().await;
    let servers = servers(&fixture).await;
    let budgets: Vec<SharedBudget> = servers
        .iter()
        .map(|server| SharedBudget::with_source("provider", settings(SLOW), Some(floors(server))))
        .collect();
    let withdrawn = async || {
        let granted = join_all(budgets.iter().map(SharedBudget::withdraw)).await;
        granted.into_iter().filter(|granted| *granted).count()
    };
    assert_eq!(withdrawn().await, 1, "one for the fleet");
    fixture.redis.kill().unwrap();
    // A process that got no token a moment ago does not try again at once.
    let total = AtomicUsize::new(0);
    until("each has its own", async || {
        let got = withdrawn().await;
        (total.fetch_add(got, Ordering::Relaxed) + got >= SERVERS).then_some(())
    })
    .await;
    let total = total.into_inner();
    assert_eq!((total, withdrawn().await), (SERVERS, 0), "one for each, and no more");
}

/// A lost bucket is full again: one more floor, not one per process.
#[tokio::test]
async fn a_flushed_floor_is_one_floor_more() {
    let fixture = RedisFixture::with(Options::default()).await;
    let servers = servers(&fixture).await;
    let settings = settings(SLOW);
    let mut taken = 0;
    for _ in 0..3 {
        for server in &servers {
            taken += floors(server).take("provider", &settings, 1).await.unwrap();
        }
        fixture.redis.command(&["FLUSHALL"]).unwrap();
    }
    assert_eq!(taken, 3);
}
