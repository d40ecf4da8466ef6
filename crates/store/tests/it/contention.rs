//! A row that somebody else holds delays those who need it, and nobody else.

use std::time::{Duration, Instant};

use store::{Answer, Location, Unavailable};

use crate::act::{Gate, Shop};
use crate::place::{Place, connect};

/// Locks a row until it is dropped.
struct Stranger(tokio_postgres::Client);

impl Stranger {
    async fn lock(place: &Place, table: &str, id: uuid::Uuid) -> Stranger {
        let client = connect(place.url()).await;
        client.batch_execute("begin").await.unwrap();
        let lock = format!("select 1 from {table} where id = '{id}' for update");
        client.batch_execute(&lock).await.unwrap();
        Stranger(client)
    }

    async fn go(self) {
        self.0.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_locked_row_delays_nobody_else() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let (locked, free) = (shop.slot(&store, 100).await, shop.slot(&store, 1_000_000).await);
    let stranger = Stranger::lock(&place, "slots", locked.0).await;
    let unlucky: Vec<_> = (0..5)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { (shop.reserve(locked, 1).on(&store).await, Instant::now()) })
        })
        .collect();
    let begun = Instant::now();
    let (mut worst, mut stalls, mut served) = (Duration::ZERO, 0, 0);
    // As long as the stranger is there, others come for the locked row too, and are passed over.
    while begun.elapsed() < Duration::from_secs(3) {
        if served % 50 == 0 {
            let store = store.clone();
            tokio::spawn(async move { shop.reserve(locked, 1).on(&store).await });
        }
        let asked = Instant::now();
        let answer = shop.reserve(free, 1).on(&store).await.unwrap();
        assert!(matches!(answer, Answer::Fresh { .. }));
        worst = worst.max(asked.elapsed());
        stalls += usize::from(asked.elapsed() > Duration::from_millis(150));
        served += 1;
    }
    for task in unlucky {
        let (answer, at) = task.await.unwrap();
        assert_eq!(answer.unwrap_err(), Unavailable::Contended);
        let waited = at.duration_since(begun);
        assert!((Duration::from_millis(1500)..Duration::from_millis(2900)).contains(&waited), "{waited:?}");
    }
    // The first batch that meets the lock waits 200 ms for it; those after it do not wait.
    assert!(worst < Duration::from_millis(600), "{worst:?}");
    assert!(served > 200 && stalls <= 3, "{stalls} of {served}");
    stranger.go().await;
    assert!(matches!(shop.reserve(locked, 1).on(&store).await, Ok(Answer::Fresh { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_row_that_comes_free_in_time_is_had() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let slot = shop.slot(&store, 100).await;
    let stranger = Stranger::lock(&place, "slots", slot.0).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { shop.reserve(slot, 1).on(&store).await })
        })
        .collect();
    while store.stats().set_aside < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stranger.go().await;
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(Answer::Fresh { .. })));
    }
    assert_eq!(store.slot(shop.tenant, slot).await.unwrap().unwrap().held, 20);
}

/// A rival has inserted the same key and neither commits nor rolls back.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_key_that_hangs_elsewhere_delays_nobody_for_long() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let slot = shop.slot(&store, 100).await;
    let claim = shop.claim("hangs");
    let rival = connect(place.url()).await;
    rival.batch_execute("begin").await.unwrap();
    let insert = format!(
        "insert into keys (id, tenant, client, text, fingerprint, progress, request_id, created_at) \
         values ('{}', '{}', '{}', 'hangs', '', 'in_flight', 'r', 1)",
        claim.key, shop.tenant, shop.client
    );
    rival.batch_execute(&insert).await.unwrap();
    let mut acts: Vec<_> = (0..20).map(|_| shop.reserve(slot, 1)).collect();
    acts[7] = shop.reserve(slot, 1).claiming(&claim);
    let begun = Instant::now();
    let mut answers = Gate::shut(&store).together(&store, acts).await;
    assert_eq!(answers.remove(7).unwrap_err(), Unavailable::Contended);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Answer::Fresh { .. }))), "{answers:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    rival.batch_execute("rollback").await.unwrap();
    assert!(matches!(shop.reserve(slot, 1).claiming(&claim).on(&store).await, Ok(Answer::Fresh { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn another_process_has_the_file() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let Err(refused) = store::Store::open(place.options()).await else { panic!("two writers") };
    assert!(matches!(&refused, store::Error::InUse { .. }), "{refused}");
    let queries = store::Store::open_read_only(&place.location).await.unwrap();
    assert!(queries.product(shop.tenant, shop.product).await.unwrap().is_some());
    store.close().await;
    place.open().await.close().await;
    assert!(matches!(place.location, Location::Sqlite { .. }));
}
