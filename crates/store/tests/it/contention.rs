//! A row that somebody else holds delays those who need it, and nobody else.

use std::time::{Duration, Instant};

use store::{CommandResult, Location, Unavailable};

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

const SERVED: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_locked_row_delays_nobody_else() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let (locked, free) = (shop.slot(&store, 100).await, shop.slot(&store, 1_000_000).await);
    let serve = async |others_want: Option<domain::SlotId>| {
        let begun = Instant::now();
        for served in 0..SERVED {
            if let Some(slot) = others_want
                && served % 50 == 0
            {
                let store = store.clone();
                tokio::spawn(async move { shop.reserve(slot, 1).on(&store).await });
            }
            let answer = shop.reserve(free, 1).on(&store).await.unwrap();
            assert!(matches!(answer, CommandResult::Fresh { .. }));
        }
        begun.elapsed()
    };
    let undisturbed = serve(None).await;
    let stranger = Stranger::lock(&place, "slots", locked.0).await;
    let unlucky: Vec<_> = (0..5)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { shop.reserve(locked, 1).on(&store).await })
        })
        .collect();
    // Others come for the locked row too, and are passed over.
    let disturbed = serve(Some(locked)).await;
    for task in unlucky {
        assert_eq!(task.await.unwrap().unwrap_err(), Unavailable::Contended);
    }
    // The first batch that meets the lock waits 200 ms for it. Were it each, it would be forty seconds.
    assert!(disturbed < undisturbed * 3 + Duration::from_secs(5), "{disturbed:?}, not {undisturbed:?}");
    stranger.go().await;
    assert!(matches!(shop.reserve(locked, 1).on(&store).await, Ok(CommandResult::Fresh { .. })));
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
        assert!(matches!(task.await.unwrap(), Ok(CommandResult::Fresh { .. })));
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
    assert!(answers.iter().all(|answer| matches!(answer, Ok(CommandResult::Fresh { .. }))), "{answers:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    rival.batch_execute("rollback").await.unwrap();
    assert!(matches!(
        shop.reserve(slot, 1).claiming(&claim).on(&store).await,
        Ok(CommandResult::Fresh { .. })
    ));
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
