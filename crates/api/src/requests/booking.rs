//! Requests about bookings.

use domain::limits::{HOLD_SECONDS_MAX, HOLD_SECONDS_MIN};
use domain::pricing::BasketItem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::basket::BasketForm;
use super::{BookedSlot, BookedUnit, Request};
use crate::Money;
use crate::email;
use crate::limits::{NAME_CHARS_MAX, PHONE_CHARS_MAX};
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;

/// Holds seats of one or several slots for a customer: all of them, or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBooking {
    /// The only slot, with `units`; or `items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<Uuid>,
    /// Each unit of the only slot once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<BookedUnit>>,
    /// Each slot once, with its units: at most 20 units of all slots together. Their products have one
    /// currency, and divide their money by the same rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<BookedSlot>>,
    /// The total that the customer was shown. If the booking costs something else, nothing is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Money>,
    pub customer: NewCustomer,
    /// How long the seats are held without payment, at most until the first slot starts; the tenant's
    /// default if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
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

/// Keeps the seats of an unpaid booking longer. It needs no body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExtension {
    /// How long the seats are held from now on; the tenant's default if absent. The hold never ends later
    /// than the tenant's longest hold, counted from the reservation, or than the first departure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<i64>,
}

impl NewBooking {
    /// A booking of one slot, held for the tenant's default time.
    pub fn new(slot: Uuid, units: Vec<BookedUnit>, customer: NewCustomer) -> NewBooking {
        NewBooking {
            slot_id: Some(slot),
            units: Some(units),
            items: None,
            expected_total: None,
            customer,
            hold_seconds: None,
            metadata: Metadata::new(),
        }
    }

    /// What the request names, in its order.
    pub fn basket(&self) -> Vec<BasketItem> {
        self.form().basket()
    }

    fn form(&self) -> BasketForm<'_> {
        BasketForm { slot_id: self.slot_id, units: self.units.as_deref(), items: self.items.as_deref() }
    }
}

impl Request for NewBooking {
    const PHONES: &'static [&'static str] = &["/customer/phone"];

    fn check(&self, findings: &mut ValidationErrors) {
        self.form().check(findings);
        if let Some(total) = self.expected_total {
            findings.price("/expected_total", total);
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

    fn check_together(&self, findings: &mut ValidationErrors) {
        self.form().check_together(findings);
    }

    fn canonical(mut self) -> NewBooking {
        if let Some(email) = email::canonical(&self.customer.email) {
            self.customer.email = email;
        }
        self
    }
}

impl Request for NewExtension {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(seconds) = self.hold_seconds {
            findings.between("/hold_seconds", seconds, HOLD_SECONDS_MIN, HOLD_SECONDS_MAX);
        }
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
        check("/items", json!([]), &["/items", "/items"]);
        check("/expected_total", json!({ "minor": 0, "currency": "EUR" }), &[]);
        check("/expected_total", json!({ "minor": -1, "currency": "EUR" }), &["/expected_total/minor"]);
        check("/customer", json!({ "name": " ", "email": "x" }), &["/customer/name", "/customer/email"]);
        check("/metadata", json!({ "k": 1 }), &["/metadata/k"]);
    }
}
