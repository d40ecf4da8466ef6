//! A slot: a dated departure with so many seats.

use domain::availability::Availability;
use domain::rows;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time;

/// A dated departure of a product, and how many seats are left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Slot {
    pub id: Uuid,
    pub product_id: Uuid,
    pub starts_at: jiff::Timestamp,
    /// The time on the clocks of the place, without offset.
    #[schema(value_type = String, example = "2026-07-01T11:00:00")]
    pub local_starts_at: DateTime,
    /// IANA zone of the place.
    #[schema(example = "Europe/Lisbon")]
    pub time_zone: String,
    pub capacity: i64,
    /// Seats neither held nor sold at this moment, whether or not they can be reserved: `status` says
    /// that. Seats of lapsed holds count as held until somebody asks for them, or a second later.
    pub vacancies: i64,
    /// `available`: it can be reserved. `limited`: it can, and a fifth of the seats or less is left.
    /// `sold_out`: no unit on sale finds room. `closed`: it takes no more reservations. `started`: it is
    /// too late. `not_on_sale`: the product is off sale, or all of its units are.
    #[schema(example = "available")]
    pub status: String,
}

impl Slot {
    pub fn of(slot: &rows::Slot, availability: Availability, time_zone: &str) -> Slot {
        Slot {
            id: slot.id.0,
            product_id: slot.product.0,
            starts_at: time::instant(slot.starts_at),
            local_starts_at: time::local(slot.starts_at, time_zone),
            time_zone: time_zone.to_owned(),
            capacity: slot.capacity,
            vacancies: slot.vacancies(),
            status: availability.name().to_owned(),
        }
    }
}
