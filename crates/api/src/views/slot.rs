//! A slot: a dated departure with so many places.

use domain::rows;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time;

/// A dated departure of a product, and how many places are left.
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
    /// Places neither held nor sold at this moment. Places of lapsed holds count as held until
    /// somebody asks for them.
    pub vacancies: i64,
    /// `available`, `limited` (a fifth or less is left), `sold_out` or `closed`.
    #[schema(example = "available")]
    pub status: String,
}

impl Slot {
    pub fn of(slot: &rows::Slot, time_zone: &str) -> Slot {
        Slot {
            id: slot.id.0,
            product_id: slot.product.0,
            starts_at: time::instant(slot.starts_at),
            local_starts_at: time::local(slot.starts_at, time_zone),
            time_zone: time_zone.to_owned(),
            capacity: slot.capacity,
            vacancies: slot.vacancies(),
            status: status(slot).to_owned(),
        }
    }
}

fn status(slot: &rows::Slot) -> &'static str {
    if slot.closed {
        "closed"
    } else if slot.vacancies() == 0 {
        "sold_out"
    } else if slot.vacancies() * 5 <= slot.capacity {
        "limited"
    } else {
        "available"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn one_word_for_the_places() {
        let check = |held, sold, closed, expected: &str| {
            let slot = rows::Slot { capacity: 10, held, sold, closed, ..samples::slot() };
            assert_eq!(status(&slot), expected);
        };
        check(0, 0, false, "available");
        check(3, 4, false, "available");
        check(4, 4, false, "limited");
        check(5, 5, false, "sold_out");
        check(0, 0, true, "closed");
    }
}
