//! Requests about bookings.

use domain::limits::{HOLD_SECONDS_MAX, HOLD_SECONDS_MIN, ITEMS_PER_BOOKING_MAX, QUANTITY_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::email;
use crate::limits::{NAME_CHARS_MAX, PHONE_CHARS_MAX};
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;

/// Holds seats of a slot for a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBooking {
    pub slot_id: Uuid,
    /// Each unit once.
    pub units: Vec<BookedUnit>,
    pub customer: NewCustomer,
    /// How long the seats are held without payment, at most until the slot starts; the tenant's
    /// default if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// A quantity of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookedUnit {
    pub unit_id: Uuid,
    pub quantity: i64,
}

/// The customer of the seats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    pub name: String,
    /// Returned in its canonical form: in Unicode's composed form, its domain in lower case and
    /// ASCII.
    #[schema(example = "ana@example.com")]
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Request for NewBooking {
    const PHONES: &'static [&'static str] = &["/customer/phone"];

    fn check(&self, findings: &mut ValidationErrors) {
        findings.count("/units", self.units.len(), ITEMS_PER_BOOKING_MAX, "unit");
        for (index, unit) in self.units.iter().enumerate().take(ITEMS_PER_BOOKING_MAX) {
            findings.between(&format!("/units/{index}/quantity"), unit.quantity, 1, QUANTITY_MAX);
            if self.units[..index].iter().any(|earlier| earlier.unit_id == unit.unit_id) {
                findings.add(format!("/units/{index}/unit_id"), "is named twice; add the quantities");
            }
        }
        findings.line("/customer/name", &self.customer.name, NAME_CHARS_MAX);
        findings.email("/customer/email", &self.customer.email);
        if let Some(phone) = &self.customer.phone {
            findings.line("/customer/phone", phone, PHONE_CHARS_MAX);
        }
        if let Some(seconds) = self.hold_seconds {
            findings.between("/hold_seconds", seconds, HOLD_SECONDS_MIN, HOLD_SECONDS_MAX);
        }
        findings.metadata(&self.metadata);
    }

    fn canonical(mut self) -> NewBooking {
        if let Some(email) = email::canonical(&self.customer.email) {
            self.customer.email = email;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    fn booking() -> Value {
        json!({
            "slot_id": "00000000-0000-0000-0000-000000000005",
            "units": [{ "unit_id": "00000000-0000-0000-0000-000000000004", "quantity": 2 }],
            "customer": { "name": "Ana Lima", "email": "ana@example.com" },
        })
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let check = |pointer: &str, value: Value, expected: &[&str]| {
            let mut body = booking();
            match body.pointer_mut(pointer) {
                Some(member) => *member = value,
                None => body[pointer.trim_start_matches('/')] = value,
            }
            let found = decode::<NewBooking>(body).map_or_else(
                |findings| findings.errors().iter().map(|error| error.pointer.clone()).collect::<Vec<_>>(),
                |_| vec![],
            );
            assert_eq!(found, expected, "{pointer}");
        };
        let unit = json!({ "unit_id": "00000000-0000-0000-0000-000000000004", "quantity": 1 });
        check("/hold_seconds", json!(60), &[]);
        check("/hold_seconds", json!(null), &[]);
        check("/metadata", json!({ "order": "A-1" }), &[]);
        check("/hold_seconds", json!(0), &["/hold_seconds"]);
        check("/hold_seconds", json!(86_401), &["/hold_seconds"]);
        check("/units", json!([]), &["/units"]);
        check("/units", json!([unit, unit]), &["/units/1/unit_id"]);
        check("/units/0/quantity", json!(0), &["/units/0/quantity"]);
        check("/units/0/quantity", json!(1_001), &["/units/0/quantity"]);
        check("/units/0/quantity", json!(1.0), &["/units/0/quantity"]);
        check("/customer", json!({ "name": " ", "email": "x" }), &["/customer/name", "/customer/email"]);
        check("/metadata", json!({ "k": 1 }), &["/metadata/k"]);
    }
}
