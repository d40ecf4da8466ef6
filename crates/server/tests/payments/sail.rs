//! What is booked: one sail in a far future, where an adult pays 45 euros and a child nothing.

use serde_json::{Value, json};

use crate::ask::{Client, eur, id, with};

/// A slot to book, and whose it is.
pub struct Sail {
    pub product: String,
    pub slot: String,
    adult: String,
    child: String,
}

impl Sail {
    /// A new product of the client's tenant, and its one slot.
    pub async fn offer(client: &Client, capacity: i64) -> Sail {
        let product = json!({
            "name": "Sunset sail",
            "time_zone": "Europe/Lisbon",
            "currency": "EUR",
            "units": [{ "name": "Adult", "price": eur(4_500) }, { "name": "Child", "price": eur(0) }],
        });
        let product = client.post("/v1/products", &product).expect(201).await.body;
        let path = format!("/v1/products/{}/slots", id(&product));
        let slots = json!({ "slots": [{ "starts_at": "2050-07-01T20:00:00+01:00", "capacity": capacity }] });
        let slots = client.post(&path, &slots).expect(201).await.body;
        let unit = |at: usize| id(&product["units"][at]);
        Sail { product: id(&product), slot: id(&slots["data"][0]), adult: unit(0), child: unit(1) }
    }

    pub fn booking(&self, seats: i64, customer: &str) -> Value {
        json!({
            "slot_id": self.slot,
            "units": [{ "unit_id": self.adult, "quantity": seats }],
            "customer": { "name": "Ana Lima", "email": format!("{customer}@example.com") },
        })
    }

    /// A held booking of so many seats, under a key and for a customer of that name.
    pub async fn book(&self, client: &Client, name: &str, seats: i64) -> String {
        client.post("/v1/bookings", &self.booking(seats, name)).key(name).expect(201).await.id()
    }

    /// One seat, held for so few seconds.
    pub async fn book_for(&self, client: &Client, name: &str, hold_seconds: i64) -> String {
        let body = with(self.booking(1, name), json!({ "hold_seconds": hold_seconds }));
        client.post("/v1/bookings", &body).key(name).expect(201).await.id()
    }

    /// Seats of children, who pay nothing.
    pub async fn book_children(&self, client: &Client, name: &str, seats: i64) -> String {
        let units = json!({ "units": [{ "unit_id": self.child, "quantity": seats }] });
        let body = with(self.booking(1, name), units);
        client.post("/v1/bookings", &body).key(name).expect(201).await.id()
    }

    pub async fn vacancies(&self, client: &Client) -> i64 {
        let path = format!(
            "/v1/availability?product_id={}&from=2050-01-01T00:00:00Z&to=2051-01-01T00:00:00Z",
            self.product
        );
        client.see(&path).await["data"][0]["vacancies"].as_i64().unwrap()
    }
}
