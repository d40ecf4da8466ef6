//! Two products that share a resource, sold by several processes at the same time.

use domain::commands::{AddSlots, ExpireHolds, NewSlot};
use domain::pricing::BasketItem;
use domain::rows::Actor;
use domain::{ClientId, Refusal, Reply, ResourceId, SlotId, TenantId, Timestamp};
use store::{CommandResult, Location, Store};
use testkit::catalogue::resource;
use testkit::{StoredCatalogue, new_id, provision, submit};

use crate::baskets::basket;
use crate::store_database::StoreDatabase;

testkit::on_both_engines![
    products_that_share_a_resource_never_take_more_than_there_is,
    a_day_without_uses_is_read_before_a_change,
];

/// Places of the resource. Each product could sell as many by itself.
const SEATS: i64 = 10;
const STORES: usize = 4;
const BOOKINGS: usize = 12;
/// Years ahead, at noon in UTC.
const START: Timestamp = Timestamp(4_102_574_400_000_000);

/// A slot of a new product, each seat of which needs one of the resource.
async fn slot(
    store: &Store,
    (tenant, client): (TenantId, ClientId),
    resource: ResourceId,
    starts_at: Timestamp,
) -> BasketItem {
    let by = Actor::Client(client);
    let made = StoredCatalogue::create(store, tenant, client).await;
    made.share(store, tenant, client, resource).await;
    let slots = vec![NewSlot { starts_at, capacity: SEATS }];
    let add = AddSlots { claim: None, tenant, by, product: made.product, slots, all_units: vec![made.unit] };
    let Reply::Slots(added) = submit(store, add).await else { panic!("no slot") };
    assert_eq!(added.slots[0].vacancies, SEATS);
    BasketItem { slot: added.slots[0].slot.id, unit: made.unit, quantity: 1 }
}

async fn products_that_share_a_resource_never_take_more_than_there_is(database: StoreDatabase) {
    let store = database.open().await;
    let mut stores = vec![store.clone(); STORES];
    if !matches!(database.location, Location::Sqlite { .. }) {
        for other in &mut stores[1..] {
            *other = database.open().await;
        }
    }
    let owner @ (tenant, client) = (new_id(), new_id());
    submit(&store, provision(tenant, client, "acct_resources", &[])).await;
    for _ in 0..3 {
        let boat = resource(&store, tenant, client, SEATS).await;
        let half_an_hour = Timestamp(START.0 + 30 * 60 * 1_000_000);
        let items = [slot(&store, owner, boat, START).await, slot(&store, owner, boat, half_an_hour).await];
        let ask = |(at, store): (usize, &Store)| {
            let (store, item) = (store.clone(), items[at % 2]);
            tokio::spawn(async move {
                let mut made = 0;
                for _ in 0..BOOKINGS {
                    match store.submit(Box::new(basket(tenant, client, vec![item]))).await.unwrap() {
                        CommandResult::Fresh { .. } => made += 1,
                        CommandResult::Refused {
                            refusal: Refusal::ResourceIsTaken { left: 0, .. }, ..
                        } => {}
                        answer => panic!("{answer:?}"),
                    }
                }
                made
            })
        };
        // The first booking of a day makes its row. Two processes that both do begin again.
        submit(&store, basket(tenant, client, vec![items[0]])).await;
        let tasks: Vec<_> = stores.iter().enumerate().map(ask).collect();
        let mut made = 0;
        for task in tasks {
            made += task.await.unwrap();
        }
        assert_eq!(made, SEATS - 1);
        let held = async |slot: SlotId| store.slot(tenant, slot).await.unwrap().unwrap().held;
        assert_eq!(held(items[0].slot).await + held(items[1].slot).await, SEATS);
        let day = domain::resources::days(START, START);
        let days = store.resource_days(tenant, boat, day).await.unwrap();
        let used: i64 = days.iter().flat_map(|day| &day.uses.0).map(|used| used.amount).sum();
        assert_eq!((days.len(), used), (1, SEATS));
    }
    let again: Vec<u64> = stores.iter().map(|store| store.stats().retries).collect();
    assert_eq!(again, [0; STORES]);
}

/// Between the query and the lock it may get a use, and the number of days stays the same.
async fn a_day_without_uses_is_read_before_a_change(database: StoreDatabase) {
    let store = database.open().await;
    let owner @ (tenant, client) = (new_id(), new_id());
    submit(&store, provision(tenant, client, "acct_resources", &[])).await;
    let boat = resource(&store, tenant, client, SEATS).await;
    let item = slot(&store, owner, boat, START).await;
    let days = || async { store.resource_days_from(tenant, boat, 0, 10).await.unwrap() };
    assert_eq!(days().await, []);
    submit(&store, basket(tenant, client, vec![item])).await;
    let seen = days().await;
    assert_eq!(seen.len(), 1);
    let holds = store.lapsed_holds_of_slot(tenant, item.slot, Timestamp(i64::MAX), 1).await.unwrap();
    assert_eq!(holds.len(), 1);
    database.execute("update bookings set sweep_at = 0, hold_expires_at = 0").await;
    submit(&store, ExpireHolds { holds }).await;
    assert_eq!(store.slot(tenant, item.slot).await.unwrap().unwrap().held, 0);
    assert_eq!(days().await, seen);
}
