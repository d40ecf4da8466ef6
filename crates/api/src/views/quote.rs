//! A quote: what a booking would cost now, and whether its seats are free.

use domain::availability::Availability;
use domain::pricing::{PricedBasket, PricedLine, SlotDemand};
use domain::resources::{ResourceCalendar, ResourceRows};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Slot, Tax};
use crate::Money;

/// What a booking would cost now. Nothing is held: seats and prices may change until the booking is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// Sent as `expected_total` with the booking, it must still be the total then.
    pub total: Money,
    /// The taxes in the total.
    #[serde(default)]
    pub taxes: Vec<Tax>,
    /// In the order of the request.
    pub lines: Vec<QuoteLine>,
    /// The seats of all lines together.
    pub seats: i64,
    /// Whether every slot has the seats.
    pub has_room: bool,
    /// Each slot once.
    pub slots: Vec<QuotedSlot>,
}

/// A quantity of one unit for one slot with its price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuoteLine {
    pub slot_id: Uuid,
    pub product_id: Uuid,
    pub unit_id: Uuid,
    pub name: String,
    pub quantity: i64,
    /// The seats of all its units together.
    pub seats: i64,
    /// The price of one unit, with all taxes.
    pub price: Money,
    /// The price of all its units together.
    pub amount: Money,
    /// The taxes of all its units together.
    #[serde(default)]
    pub taxes: Vec<Tax>,
}

/// A slot, and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuotedSlot {
    #[serde(flatten)]
    pub slot: Slot,
    /// The seats that the booking would take.
    pub seats: i64,
    /// Whether so many are neither held nor sold.
    pub has_room: bool,
}

impl Quote {
    /// `availability` is what is shown of a slot of the basket, and `rows` are those it was priced over.
    pub fn of(
        priced: &PricedBasket<'_>,
        rows: &impl ResourceRows,
        availability: impl Fn(&SlotDemand<'_>) -> Availability,
    ) -> Quote {
        let money = |minor| Money::new(minor, priced.total.currency);
        let line = |line: &PricedLine<'_>| QuoteLine {
            slot_id: line.slot.id.0,
            product_id: line.product.id.0,
            unit_id: line.unit.id.0,
            name: line.unit.name.clone(),
            quantity: line.quantity,
            seats: line.seats,
            price: money(line.price_minor),
            amount: money(line.amount_minor),
            taxes: Tax::of_all(&line.taxes, line.quantity, priced.total.currency),
        };
        let slot = |demand: &SlotDemand<'_>| QuotedSlot {
            slot: Slot::of(
                demand.offer.slot,
                demand.offer.vacancies(),
                availability(demand),
                &demand.offer.product.time_zone,
            ),
            seats: demand.seats,
            has_room: demand.offer.has_room(demand.seats).is_ok(),
        };
        Quote {
            total: priced.total.into(),
            taxes: Tax::of_all(&priced.taxes(), 1, priced.total.currency),
            lines: priced.lines.iter().map(line).collect(),
            seats: priced.seats(),
            has_room: priced.take(&mut ResourceCalendar::new(rows), false).is_ok(),
            slots: priced.slots.iter().map(slot).collect(),
        }
    }
}
