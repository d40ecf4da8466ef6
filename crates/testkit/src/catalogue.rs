//! A product to book: an adult pays 45 euros and a child nothing, with one slot in the far future.

use std::collections::BTreeMap;

use domain::commands::{AddSlots, CreateProduct, CreateResource, NewSlot, NewUnit, SetProductResources};
use domain::provider::{AmountRule, AmountRules, TenantProviders};
use domain::resources::ResourceNeed;
use domain::rows::Actor;
use domain::{ClientId, Currency, ProductId, Reply, ResourceId, SlotId, TenantId, Timestamp, UnitId};
use serde_json::{Value, json};
use store::Store;

use crate::database::submit;
use crate::{TestClient, eur, id_of, with};

pub struct TestCatalogue {
    pub product: String,
    pub slot: String,
    pub adult: String,
    child: String,
}

impl TestCatalogue {
    /// Creates a product of the client's tenant, with one slot.
    pub async fn create(client: &TestClient, capacity: i64) -> TestCatalogue {
        let product = json!({
            "name": "Sunset sail",
            "time_zone": "Europe/Lisbon",
            "currency": "EUR",
            "units": [{ "name": "Adult", "price": eur(4_500) }, { "name": "Child", "price": eur(0) }],
        });
        let product = client.post("/v1/products", &product).expect(201).await.body;
        let path = format!("/v1/products/{}/slots", id_of(&product));
        let slots = json!({ "slots": [{ "starts_at": "2050-07-01T20:00:00+01:00", "capacity": capacity }] });
        let slots = client.post(&path, &slots).expect(201).await.body;
        let unit = |at: usize| id_of(&product["units"][at]);
        TestCatalogue {
            product: id_of(&product),
            slot: id_of(&slots["data"][0]),
            adult: unit(0),
            child: unit(1),
        }
    }

    /// A request for seats of adults.
    pub fn booking(&self, seats: i64, customer: &str) -> Value {
        json!({
            "slot_id": self.slot,
            "units": [{ "unit_id": self.adult, "quantity": seats }],
            "customer": { "name": "Ana Lima", "email": format!("{customer}@example.com") },
        })
    }

    /// Books seats under a key and for a customer of this name; the booking is held.
    pub async fn book(&self, client: &TestClient, name: &str, seats: i64) -> String {
        reserve(client, name, &self.booking(seats, name)).await
    }

    /// One seat, held for this many seconds.
    pub async fn book_for(&self, client: &TestClient, name: &str, hold_seconds: i64) -> String {
        let body = with(self.booking(1, name), json!({ "hold_seconds": hold_seconds }));
        reserve(client, name, &body).await
    }

    /// Books seats of children, who pay nothing.
    pub async fn book_children(&self, client: &TestClient, name: &str, seats: i64) -> String {
        let units = json!({ "units": [{ "unit_id": self.child, "quantity": seats }] });
        reserve(client, name, &with(self.booking(1, name), units)).await
    }

    pub async fn vacancies(&self, client: &TestClient) -> i64 {
        let path = format!(
            "/v1/availability?product_id={}&from=2050-01-01T00:00:00Z&to=2051-01-01T00:00:00Z",
            self.product
        );
        client.see(&path).await["data"][0]["vacancies"].as_i64().expect("a slot has vacancies")
    }
}

async fn reserve(client: &TestClient, key: &str, body: &Value) -> String {
    client.post("/v1/bookings", body).key(key).expect(201).await.id()
}

/// Noon of the first of January.
const IN_2100: Timestamp = Timestamp(4_102_488_000_000_000);

/// The same directly in the store: a product at 25 euros per seat, with one slot of ten seats that
/// starts in 2100.
#[derive(Clone, Copy)]
pub struct StoredCatalogue {
    pub product: ProductId,
    pub unit: UnitId,
    pub slot: SlotId,
}

impl StoredCatalogue {
    pub const PRICE_MINOR: i64 = 2_500;

    pub async fn create(store: &Store, tenant: TenantId, client: ClientId) -> StoredCatalogue {
        let by = Actor::Client(client);
        let product = CreateProduct {
            claim: None,
            tenant,
            by,
            name: "Sunset sail".to_owned(),
            description: String::new(),
            time_zone: "Europe/Lisbon".to_owned(),
            currency: Currency::EUR,
            units: vec![NewUnit {
                name: "Adult".to_owned(),
                price_minor: StoredCatalogue::PRICE_MINOR,
                seats: 1,
            }],
            taxes: vec![],
            metadata: BTreeMap::new(),
            providers: any_provider(),
        };
        let Reply::Product(product) = submit(store, product).await else { panic!("no product") };
        let (product, unit) = (product.0.id, product.1[0].id);
        let slots = vec![NewSlot { starts_at: IN_2100, capacity: 10 }];
        let add = AddSlots { claim: None, tenant, by, product, slots, all_units: vec![unit] };
        let Reply::Slots(added) = submit(store, add).await else { panic!("no slots") };
        StoredCatalogue { product, unit, slot: added.slots[0].slot.id }
    }
}

/// A resource with so many places.
pub async fn resource(store: &Store, tenant: TenantId, client: ClientId, capacity: i64) -> ResourceId {
    let create = CreateResource {
        claim: None,
        tenant,
        by: Actor::Client(client),
        name: "Catamaran".to_owned(),
        capacity,
        closures: Vec::new(),
        metadata: BTreeMap::new(),
    };
    let Reply::Resource(resource) = submit(store, create).await else { panic!("no resource") };
    resource.id
}

impl StoredCatalogue {
    /// Each seat of its slots, which last an hour, needs a place of the resource.
    pub async fn share(self, store: &Store, tenant: TenantId, client: ClientId, resource: ResourceId) {
        let set = SetProductResources {
            claim: None,
            tenant,
            by: Actor::Client(client),
            product: self.product,
            duration_minutes: Some(60),
            needs: vec![ResourceNeed {
                resource,
                per_slot: 0,
                per_seat: 1,
                before_minutes: 0,
                after_minutes: 0,
            }],
            version: 1,
            all_units: vec![self.unit],
        };
        submit(store, set).await;
    }
}

/// A provider that accepts every amount.
pub const ANY_AMOUNT: AmountRules =
    AmountRules(|_, _| Some(AmountRule { min_minor: 1, max_minor: 1_000_000, step_minor: 1 }));

pub fn any_provider() -> TenantProviders {
    TenantProviders { names: vec!["stripe".to_owned()], amounts: ANY_AMOUNT }
}
