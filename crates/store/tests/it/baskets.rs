//! Baskets that name the same slots in opposite orders, on two stores at the same time.

use std::collections::BTreeMap;

use domain::commands::{CustomerDetails, Reserve};
use domain::idempotency::Fingerprint;
use domain::pricing::BasketItem;
use domain::working_set::Claim;
use domain::{ClientId, KeyId, Refusal, TenantId};
use store::{CommandResult, Location, Store};
use testkit::catalogue::any_provider;
use testkit::{StoredCatalogue, new_id, provision, submit};

use crate::store_database::StoreDatabase;

testkit::on_both_engines!(baskets_in_opposite_orders_neither_deadlock_nor_oversell);

/// Seats of each slot of [`StoredCatalogue`].
const SEATS: i64 = 10;
/// That each client asks for.
const BASKETS: usize = 20;
/// Two that wait for the slots of a third take one slot each as it commits, if they lock in no order.
const STORES: usize = 6;

pub fn basket(tenant: TenantId, client: ClientId, items: Vec<BasketItem>) -> Reserve {
    let text = new_id::<uuid::Uuid>().to_string();
    let claim = Claim {
        key: KeyId::of(tenant, client, &text),
        tenant,
        client,
        fingerprint: Fingerprint::of("POST", "/", text.as_bytes()),
        request_id: text.clone(),
        text: text.clone(),
    };
    Reserve {
        claim,
        items,
        expected_total: None,
        customer: CustomerDetails {
            name: "Ana".to_owned(),
            email: format!("{text}@example.com"),
            phone: None,
        },
        hold_seconds: None,
        metadata: BTreeMap::new(),
        providers: any_provider(),
        client_is_limited: false,
        last_try: true,
    }
}

async fn baskets_in_opposite_orders_neither_deadlock_nor_oversell(database: StoreDatabase) {
    let store = database.open().await;
    let mut stores = vec![store.clone(); STORES];
    if !matches!(database.location, Location::Sqlite { .. }) {
        for other in &mut stores[1..] {
            *other = database.open().await;
        }
    }
    let (tenant, client) = (new_id(), new_id());
    submit(&store, provision(tenant, client, "acct_baskets", &[])).await;
    for _ in 0..3 {
        let first = StoredCatalogue::create(&store, tenant, client).await;
        let second = StoredCatalogue::create(&store, tenant, client).await;
        // Each client asks again and again, so that there are many transactions.
        let ask = |(at, store): (usize, &Store)| {
            let store = store.clone();
            let mut items: Vec<BasketItem> =
                [first, second].map(|one| BasketItem { slot: one.slot, unit: one.unit, quantity: 1 }).into();
            if at.is_multiple_of(2) {
                items.reverse();
            }
            tokio::spawn(async move {
                let mut made = 0;
                for _ in 0..BASKETS {
                    let reserve = basket(tenant, client, items.clone());
                    match store.submit(Box::new(reserve)).await.unwrap() {
                        CommandResult::Fresh { .. } => made += 1,
                        CommandResult::Refused {
                            refusal: Refusal::SlotIsFull { vacancies: 0, .. }, ..
                        } => {}
                        answer => panic!("{answer:?}"),
                    }
                }
                made
            })
        };
        let tasks: Vec<_> = stores.iter().enumerate().map(ask).collect();
        let mut made = 0;
        for task in tasks {
            made += task.await.unwrap();
        }
        assert_eq!(made, SEATS);
        for slot in [first.slot, second.slot] {
            let slot = store.slot(tenant, slot).await.unwrap().unwrap();
            assert_eq!((slot.held, slot.vacancies()), (SEATS, 0));
        }
    }
    // A deadlock that PostgreSQL breaks runs again, and is seen here.
    let again: Vec<u64> = stores.iter().map(|store| store.stats().retries).collect();
    assert_eq!(again, [0; STORES]);
}
