//! Requests of a tenant's own tools: products, units and slots.

use domain::Currency;
use domain::limits::{CAPACITY_MAX, SEATS_PER_UNIT_MAX, SLOTS_PER_REQUEST_MAX, UNITS_PER_REQUEST_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NewTax, Request};
use crate::limits::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX};
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;
use crate::{Money, time};

/// Creates a product and puts it on sale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    #[schema(example = "Sunset sail")]
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// IANA zone of the place of the product; returned in the database's spelling.
    #[schema(example = "Europe/Lisbon")]
    pub time_zone: String,
    /// ISO 4217; the currency of every price of the product.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    pub units: Vec<NewUnit>,
    /// In the order in which they are shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<NewTax>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// One kind of ticket, with its price and the seats that one of it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnit {
    #[schema(example = "Adult")]
    pub name: String,
    pub price: Money,
    /// Seats of the slot that one unit takes.
    #[serde(default = "one")]
    #[schema(default = 1)]
    pub seats: i64,
}

fn one() -> i64 {
    1
}

/// Changes a product; absent members stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedProduct {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the product is on sale. It can be booked while one of its units is on sale too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Replaces all taxes. Bookings keep theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taxes: Option<Vec<NewTax>>,
    /// Replaces all metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Units to change, with an `id`, and units to add, without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<ChangedUnit>,
}

/// A change of the unit with this `id`, or without `id` a new unit, which needs `name` and `price`.
/// Bookings keep their prices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedUnit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Only for a new unit: the seats of a unit never change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// Opens dated slots of a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSlots {
    pub slots: Vec<NewSlot>,
}

/// A dated departure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSlot {
    /// RFC 3339 with offset.
    pub starts_at: jiff::Timestamp,
    pub capacity: i64,
}

impl Request for NewProduct {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.line("/name", &self.name, NAME_CHARS_MAX);
        findings.paragraph("/description", &self.description, DESCRIPTION_CHARS_MAX);
        if time::zone_name(&self.time_zone).is_none() {
            findings.add("/time_zone", "is not a zone of the IANA database");
        }
        findings.currency("/currency", self.currency);
        findings.count("/units", self.units.len(), UNITS_PER_REQUEST_MAX, "unit");
        for (index, unit) in self.units.iter().enumerate() {
            let pointer = format!("/units/{index}");
            findings.line(&format!("{pointer}/name"), &unit.name, NAME_CHARS_MAX);
            findings.price(&format!("{pointer}/price"), unit.price);
            findings.between(&format!("{pointer}/seats"), unit.seats, 1, SEATS_PER_UNIT_MAX);
        }
        NewTax::check_all(&self.taxes, findings);
        findings.metadata(&self.metadata);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        for (index, unit) in self.units.iter().enumerate() {
            if unit.price.currency != self.currency {
                findings.add(format!("/units/{index}/price/currency"), "is not the product's currency");
            }
        }
    }

    fn canonical(mut self) -> NewProduct {
        if let Some(zone) = time::zone_name(&self.time_zone) {
            self.time_zone = zone;
        }
        self
    }
}

impl Request for ChangedProduct {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(name) = &self.name {
            findings.line("/name", name, NAME_CHARS_MAX);
        }
        if let Some(description) = &self.description {
            findings.paragraph("/description", description, DESCRIPTION_CHARS_MAX);
        }
        if let Some(metadata) = &self.metadata {
            findings.metadata(metadata);
        }
        NewTax::check_all(self.taxes.as_deref().unwrap_or_default(), findings);
        if self.units.len() > UNITS_PER_REQUEST_MAX {
            findings.count("/units", self.units.len(), UNITS_PER_REQUEST_MAX, "unit");
        }
        for (index, unit) in self.units.iter().enumerate() {
            unit.check(&format!("/units/{index}"), findings);
            if unit.id.is_some() && self.units[..index].iter().any(|earlier| earlier.id == unit.id) {
                findings.add(format!("/units/{index}/id"), "is named twice");
            }
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        for (index, unit) in self.units.iter().enumerate() {
            unit.check_together(&format!("/units/{index}"), findings);
        }
    }
}

impl ChangedUnit {
    fn check(&self, pointer: &str, findings: &mut ValidationErrors) {
        if let Some(name) = &self.name {
            findings.line(&format!("{pointer}/name"), name, NAME_CHARS_MAX);
        }
        if let Some(price) = self.price {
            findings.price(&format!("{pointer}/price"), price);
        }
        if let Some(seats) = self.seats {
            findings.between(&format!("{pointer}/seats"), seats, 1, SEATS_PER_UNIT_MAX);
        }
    }

    fn check_together(&self, pointer: &str, findings: &mut ValidationErrors) {
        if self.id.is_some() && self.seats.is_some() {
            findings.add(format!("{pointer}/seats"), "cannot be changed");
        }
        if self.id.is_none() {
            if self.name.is_none() {
                findings.add(format!("{pointer}/name"), "a new unit needs one");
            }
            if self.price.is_none() {
                findings.add(format!("{pointer}/price"), "a new unit needs one");
            }
            if self.active.is_some() {
                findings.add(format!("{pointer}/active"), "a new unit is active");
            }
        }
    }
}

impl Request for NewSlots {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.count("/slots", self.slots.len(), SLOTS_PER_REQUEST_MAX, "slot");
        for (index, slot) in self.slots.iter().enumerate().take(SLOTS_PER_REQUEST_MAX) {
            findings.between(&format!("/slots/{index}/capacity"), slot.capacity, 1, CAPACITY_MAX);
            if self.slots[..index].iter().any(|earlier| earlier.starts_at == slot.starts_at) {
                findings.add(format!("/slots/{index}/starts_at"), "is named twice");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    fn check<R: Request + serde::de::DeserializeOwned>(body: Value, expected: &[&str]) {
        let found = decode::<R>(body.clone()).map_or_else(|findings| findings.errors().to_vec(), |_| vec![]);
        let found: Vec<_> = found.into_iter().map(|error| error.pointer).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn products() {
        let product = |zone: &str, currency: &str, unit: Value| json!({ "name": "Sail", "time_zone": zone, "currency": currency, "units": [unit] });
        let unit = |minor: i64| json!({ "name": "Adult", "price": { "minor": minor, "currency": "EUR" } });
        check::<NewProduct>(product("Europe/Lisbon", "EUR", unit(0)), &[]);
        check::<NewProduct>(product("Mars/Olympus", "EUR", unit(1)), &["/time_zone"]);
        check::<NewProduct>(product("UTC", "USD", unit(1)), &["/units/0/price/currency"]);
        check::<NewProduct>(product("UTC", "EUR", unit(-1)), &["/units/0/price/minor"]);
        check::<NewProduct>(product("UTC", "EUR", json!({ "name": "Adult" })), &["/units/0/price"]);
    }

    #[test]
    fn a_wrong_currency_is_reported_in_a_sentence() {
        for (currency, expected) in
            [("eur", "must be three capital letters of ISO 4217"), ("ZZZ", "is not a currency of ISO 4217")]
        {
            let unit = json!({ "name": "Adult", "price": { "minor": 1, "currency": currency } });
            let product =
                json!({ "name": "Sail", "time_zone": "UTC", "currency": currency, "units": [unit] });
            let findings = decode::<NewProduct>(product).unwrap_err();
            let errors: Vec<_> =
                findings.errors().iter().map(|one| (one.pointer.as_str(), one.detail.as_str())).collect();
            assert_eq!(errors.len(), 2, "{errors:?}");
            for pointer in ["/currency", "/units/0/price/currency"] {
                assert!(errors.contains(&(pointer, expected)), "{errors:?}");
            }
        }
    }

    #[test]
    fn changes() {
        let id = "00000000-0000-0000-0000-000000000004";
        let price = json!({ "minor": 1, "currency": "EUR" });
        check::<ChangedProduct>(json!({}), &[]);
        check::<ChangedProduct>(json!({ "units": [{ "id": id, "active": false }] }), &[]);
        check::<ChangedProduct>(json!({ "units": [{ "name": "Child", "price": price, "seats": 1 }] }), &[]);
        check::<ChangedProduct>(json!({ "units": [{}] }), &["/units/0/name", "/units/0/price"]);
        check::<ChangedProduct>(json!({ "units": [{ "id": id, "seats": 2 }] }), &["/units/0/seats"]);
        check::<ChangedProduct>(json!({ "units": [{ "id": id }, { "id": id }] }), &["/units/1/id"]);
        check::<ChangedProduct>(json!({ "currency": "USD" }), &["/currency"]);
    }

    #[test]
    fn slots() {
        let slot = |at: &str, capacity: i64| json!({ "slots": [{ "starts_at": at, "capacity": capacity }] });
        check::<NewSlots>(slot("2026-07-01T11:00:00+02:00", 12), &[]);
        check::<NewSlots>(slot("2026-07-01T11:00:00", 12), &["/slots/0/starts_at"]);
        check::<NewSlots>(slot("2026-07-01T11:00:00Z", 0), &["/slots/0/capacity"]);
        check::<NewSlots>(json!({ "slots": [] }), &["/slots"]);
        let twice = ["2026-07-01T11:00:00+02:00", "2026-07-01T09:00:00Z"];
        let twice = twice.map(|at| json!({ "starts_at": at, "capacity": 1 }));
        check::<NewSlots>(json!({ "slots": twice }), &["/slots/1/starts_at"]);
    }
}
