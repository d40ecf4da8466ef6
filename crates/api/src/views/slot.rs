//! A slot: a dated departure with a number of seats.

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
    /// The local time of the place, without offset.
    #[schema(value_type = String, example = "2026-07-01T11:00:00")]
    pub local_starts_at: DateTime,
    /// IANA zone of the place.
    #[schema(example = "Europe/Lisbon")]
    pub time_zone: String,
    pub capacity: i64,
    /// Seats that are neither held nor sold now, and for which the resources of the slot are free, whether or not
    /// they can be reserved: `status` shows that. Seats of lapsed holds count as held until somebody requests them, or for a second at
    /// most.
    pub vacancies: i64,
    /// `available`: can be reserved. `limited`: can be reserved, and at most a fifth of the seats is
    /// left. `sold_out`: no unit on sale fits. `closed`: accepts no more reservations. `started`: too
    /// late. `not_on_sale`: the product or all of its units are off sale.
    #[schema(example = "available")]
    pub status: String,
    /// The schedule that made it. `null`: a person added it.
    #[serde(default)]
    pub schedule_id: Option<Uuid>,
}

impl Slot {
    pub fn of(slot: &rows::Slot, vacancies: i64, availability: Availability, time_zone: &str) -> Slot {
        Slot {
            id: slot.id.0,
            product_id: slot.product.0,
            starts_at: time::instant(slot.starts_at),
            local_starts_at: time::local(slot.starts_at, time_zone),
            time_zone: time_zone.to_owned(),
            capacity: slot.capacity,
            vacancies,
            status: availability.name().to_owned(),
            schedule_id: slot.schedule.map(|schedule| schedule.0),
        }
    }
}
