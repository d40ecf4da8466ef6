//! A full disk refuses writes, keeps the committed rows, and recovers once there is space.

use store::{CommandResult, Unavailable};
use testkit::{Engine, OnEngine as _};

use crate::store_database::StoreDatabase;

use crate::test_command::Seller;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_full_disk_writes_nothing_by_halves() {
    let database = StoreDatabase::on(Engine::Sqlite).await;
    let store = database.open_with(|options| options.max_page_count = Some(200)).await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 1_000_000).await;
    let (mut done, mut refused) = (0, 0);
    // A smaller batch may still fit if a larger one did not: the disk is full once a whole round fails.
    loop {
        let done_before = done;
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { seller.reserve(slot, 1).on(&store).await })
            })
            .collect();
        for task in tasks {
            match task.await.unwrap() {
                Ok(CommandResult::Fresh { .. }) => done += 1,
                Err(Unavailable::Database(why)) => {
                    assert!(why.starts_with("storage full"), "{why}");
                    refused += 1;
                }
                answer => panic!("{answer:?}"),
            }
        }
        assert!(done < 100_000, "the disk is never full");
        if done == done_before && refused >= 50 {
            break;
        }
    }
    assert!(done > 0);
    assert!(
        matches!(store.check_writer().await, Err(Unavailable::Database(why)) if why.starts_with("storage full"))
    );
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, done);
    store.close().await;
    // There is space again.
    let store = database.open().await;
    assert_eq!(store.check_writer().await, Ok(()));
    assert!(matches!(seller.reserve(slot, 1).on(&store).await, Ok(CommandResult::Fresh { .. })));
    let found = store.check().await.unwrap();
    let broken: Vec<_> = found.iter().filter(|finding| finding.invariant == "event_applied_once").collect();
    assert!(broken.iter().all(|finding| finding.broken.is_empty()), "{broken:?}");
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, done + 1);
}
