//! Whether a slot can be reserved now, and why not.
//!
//! `Reserve` decides by a [`SlotOffer`]. The [`Availability`] that is shown of a slot is computed
//! from the same offer, so a slot that is shown as available would not be refused. `Reserve` also
//! checks the customer's and the client's limits, the amount, and the length of the hold.

use crate::refusal::Refusal;
use crate::rows::{Product, Slot, Unit};
use crate::time::Timestamp;

/// A slot, its product, and the time at which they are offered.
#[derive(Clone, Copy, Debug)]
pub struct SlotOffer<'a> {
    /// The product of the slot.
    pub product: &'a Product,
    pub slot: &'a Slot,
    /// The seats for which its resources are free. `None`: it needs none.
    pub resource_seats: Option<i64>,
    pub now: Timestamp,
}

impl SlotOffer<'_> {
    /// Refuses a slot that takes no reservations.
    pub fn is_open(&self) -> Result<(), Refusal> {
        if !self.product.active {
            return Err(Refusal::ProductIsNotOnSale);
        }
        let slot = self.slot.id.0;
        if self.slot.closed {
            return Err(Refusal::SlotIsClosed { slot });
        }
        if self.slot.starts_at <= self.now {
            return Err(Refusal::SlotHasStarted { slot });
        }
        Ok(())
    }

    /// Refuses a unit that is not sold for this slot.
    pub fn sells(&self, unit: &Unit) -> Result<(), Refusal> {
        if unit.product != self.product.id {
            return Err(Refusal::UnitIsNotOfThisProduct { unit: unit.id.0 });
        }
        if !unit.active {
            return Err(Refusal::UnitIsNotOnSale { unit: unit.id.0 });
        }
        Ok(())
    }

    /// The seats that are left, of the slot and of its resources.
    pub fn vacancies(&self) -> i64 {
        self.slot.vacancies().min(self.resource_seats.unwrap_or(i64::MAX))
    }

    /// Refuses more seats than are left.
    pub fn has_room(&self, seats: i64) -> Result<(), Refusal> {
        let vacancies = self.vacancies();
        if vacancies < seats {
            return Err(Refusal::SlotIsFull { slot: self.slot.id.0, vacancies });
        }
        Ok(())
    }

    /// Whether one of any unit could be reserved. Units of other products are ignored.
    pub fn availability<'u>(&self, units: impl IntoIterator<Item = &'u Unit>) -> Availability {
        let sold = units.into_iter().filter(|unit| self.sells(unit).is_ok());
        let seats_min = sold.map(|unit| unit.seats).min();
        let reservable = self
            .is_open()
            .and_then(|()| seats_min.ok_or(Refusal::ProductIsNotOnSale))
            .and_then(|seats| self.has_room(seats));
        match reservable {
            Ok(()) if self.vacancies() * LIMITED_SHARE <= self.slot.capacity => Availability::Limited,
            Ok(()) => Availability::Available,
            Err(Refusal::ProductIsNotOnSale) => Availability::NotOnSale,
            Err(Refusal::SlotIsClosed { .. }) => Availability::Closed,
            Err(Refusal::SlotHasStarted { .. }) => Availability::Started,
            Err(_) => Availability::SoldOut,
        }
    }
}

/// A slot with at most a fifth of its seats left is limited.
const LIMITED_SHARE: i64 = 5;

/// Whether a slot can be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    Available,
    /// Few seats are left.
    Limited,
    /// Too few seats are left for any unit that is on sale.
    SoldOut,
    Closed,
    Started,
    /// The product is off sale, or all of its units are.
    NotOnSale,
}

impl Availability {
    pub const ALL: [Availability; 6] = [
        Availability::Available,
        Availability::Limited,
        Availability::SoldOut,
        Availability::Closed,
        Availability::Started,
        Availability::NotOnSale,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Availability::Available => "available",
            Availability::Limited => "limited",
            Availability::SoldOut => "sold_out",
            Availability::Closed => "closed",
            Availability::Started => "started",
            Availability::NotOnSale => "not_on_sale",
        }
    }
}
