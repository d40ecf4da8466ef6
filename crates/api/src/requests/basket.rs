//! What a client wants to book, in one of two forms: units of one slot, or items of several slots.

use domain::limits::{ITEMS_PER_BOOKING_MAX, QUANTITY_MAX, SLOTS_PER_BOOKING_MAX};
use domain::pricing::BasketItem;
use domain::{SlotId, UnitId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::validation_errors::ValidationErrors;

/// A quantity of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookedUnit {
    pub unit_id: Uuid,
    pub quantity: i64,
}

/// Units of one slot of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookedSlot {
    pub slot_id: Uuid,
    /// Each unit once.
    pub units: Vec<BookedUnit>,
}

/// Asks what a booking would cost, and whether its seats are free. It has no customer, and holds nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuote {
    /// The only slot, with `units`; or `items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<Uuid>,
    /// Each unit of the only slot once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<BookedUnit>>,
    /// Each slot once, with its units: at most 20 units of all slots together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<BookedSlot>>,
}

impl NewQuote {
    /// What the request names, in its order.
    pub fn basket(&self) -> Vec<BasketItem> {
        self.form().basket()
    }

    fn form(&self) -> BasketForm<'_> {
        BasketForm { slot_id: self.slot_id, units: self.units.as_deref(), items: self.items.as_deref() }
    }
}

impl Request for NewQuote {
    fn check(&self, findings: &mut ValidationErrors) {
        self.form().check(findings);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        self.form().check_together(findings);
    }
}

/// The members of a request that name its basket.
#[derive(Clone, Copy, Debug)]
pub(super) struct BasketForm<'r> {
    pub slot_id: Option<Uuid>,
    pub units: Option<&'r [BookedUnit]>,
    pub items: Option<&'r [BookedSlot]>,
}

impl BasketForm<'_> {
    pub fn basket(&self) -> Vec<BasketItem> {
        let of_slot = |slot: Uuid, units: &[BookedUnit]| -> Vec<BasketItem> {
            let item = |unit: &BookedUnit| BasketItem {
                slot: SlotId(slot),
                unit: UnitId(unit.unit_id),
                quantity: unit.quantity,
            };
            units.iter().map(item).collect()
        };
        match (self.slot_id, self.units, self.items) {
            (_, _, Some(items)) => items.iter().flat_map(|item| of_slot(item.slot_id, &item.units)).collect(),
            (Some(slot), Some(units), None) => of_slot(slot, units),
            _ => Vec::new(),
        }
    }

    pub fn check(&self, findings: &mut ValidationErrors) {
        if let Some(of_slot) = self.units {
            units("/units", of_slot, findings);
        }
        let Some(items) = self.items else { return };
        findings.count("/items", items.len(), SLOTS_PER_BOOKING_MAX, "slot");
        for (index, item) in items.iter().enumerate().take(SLOTS_PER_BOOKING_MAX) {
            units(&format!("/items/{index}/units"), &item.units, findings);
            if items[..index].iter().any(|earlier| earlier.slot_id == item.slot_id) {
                findings.add(format!("/items/{index}/slot_id"), "is named twice; give all of its units once");
            }
        }
        if items.iter().map(|item| item.units.len()).sum::<usize>() > ITEMS_PER_BOOKING_MAX {
            findings
                .add("/items", format!("must not have more than {ITEMS_PER_BOOKING_MAX} units of all slots"));
        }
    }

    pub fn check_together(&self, findings: &mut ValidationErrors) {
        let one_slot = self.slot_id.is_some() || self.units.is_some();
        if one_slot && self.items.is_some() {
            findings.add("/items", "is for several slots, instead of slot_id and units");
        } else if self.items.is_none() {
            for (pointer, given) in [("/slot_id", self.slot_id.is_some()), ("/units", self.units.is_some())] {
                if !given {
                    findings.add(pointer, "is missing; several slots are given as items");
                }
            }
        }
    }
}

fn units(pointer: &str, units: &[BookedUnit], findings: &mut ValidationErrors) {
    findings.count(pointer, units.len(), ITEMS_PER_BOOKING_MAX, "unit");
    for (index, unit) in units.iter().enumerate().take(ITEMS_PER_BOOKING_MAX) {
        findings.between(&format!("{pointer}/{index}/quantity"), unit.quantity, 1, QUANTITY_MAX);
        if units[..index].iter().any(|earlier| earlier.unit_id == unit.unit_id) {
            findings.add(format!("{pointer}/{index}/unit_id"), "is named twice; add the quantities");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn a_basket_has_one_of_two_forms() {
        let check = |body: Value, expected: &[&str]| {
            let found = decode::<NewQuote>(body.clone()).map_or_else(
                |findings| findings.errors().iter().map(|error| error.pointer.clone()).collect::<Vec<_>>(),
                |_| vec![],
            );
            assert_eq!(found, expected, "{body}");
        };
        let units = |count: u128| -> Value {
            (0..count).map(|number| json!({ "unit_id": id(number), "quantity": 1 })).collect()
        };
        let item = |slot: u128, count: u128| json!({ "slot_id": id(slot), "units": units(count) });
        check(json!({ "slot_id": id(1), "units": units(20) }), &[]);
        check(json!({ "items": [item(1, 10), item(2, 10)] }), &[]);
        check(json!({ "slot_id": null, "units": null, "items": [item(1, 1)] }), &[]);
        check(json!({}), &["/slot_id", "/units"]);
        check(json!({ "items": null }), &["/slot_id", "/units"]);
        check(json!({ "slot_id": id(1) }), &["/units"]);
        check(json!({ "units": units(1) }), &["/slot_id"]);
        check(json!({ "slot_id": id(1), "units": units(1), "items": [item(1, 1)] }), &["/items"]);
        check(json!({ "slot_id": id(1), "items": [item(1, 1)] }), &["/items"]);
        check(json!({ "items": [] }), &["/items"]);
        check(json!({ "items": [item(1, 1), item(2, 1), item(1, 2)] }), &["/items/2/slot_id"]);
        check(json!({ "items": [item(1, 1), item(2, 0)] }), &["/items/1/units"]);
        check(json!({ "items": [item(1, 11), item(2, 10)] }), &["/items"]);
        check(json!({ "items": (0..11).map(|slot| item(slot, 1)).collect::<Value>() }), &["/items"]);
        let none = json!({ "slot_id": id(1), "units": [{ "unit_id": id(1), "quantity": 0 }] });
        check(json!({ "items": [none] }), &["/items/0/units/0/quantity"]);
        let twice = json!({ "slot_id": id(1), "units": [units(1)[0], units(1)[0]] });
        check(json!({ "items": [twice] }), &["/items/0/units/1/unit_id"]);
    }

    #[test]
    fn both_forms_name_the_same_basket() {
        let units = json!([{ "unit_id": id(7), "quantity": 2 }, { "unit_id": id(8), "quantity": 1 }]);
        let read = |body: Value| decode::<NewQuote>(body).unwrap().basket();
        let one = read(json!({ "slot_id": id(1), "units": units }));
        assert_eq!(one, read(json!({ "items": [{ "slot_id": id(1), "units": units }] })));
        let item =
            |slot, unit, quantity| BasketItem { slot: SlotId(id(slot)), unit: UnitId(id(unit)), quantity };
        assert_eq!(one, [item(1, 7, 2), item(1, 8, 1)]);
        let other = json!([{ "unit_id": id(7), "quantity": 3 }]);
        let items = json!([{ "slot_id": id(2), "units": other }, { "slot_id": id(1), "units": units }]);
        assert_eq!(read(json!({ "items": items })), [item(2, 7, 3), item(1, 7, 2), item(1, 8, 1)]);
    }
}
