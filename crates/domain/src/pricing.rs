//! The price of a basket: one pure function, which `Reserve` calls under the locks of the slots and a
//! quote without any lock, so that a booking cannot cost something else than its quote.
//!
//! | in | out |
//! |---|---|
//! | [`Basket`]: which units of which slots a client wants | [`PricedLine`]: what each costs |
//! | [`CatalogueRows`]: the slots, products and units | [`SlotDemand`]: the seats that each slot must have |
//! | the time | the total |
//!
//! [`Basket::price`] refuses whatever can never be booked. Whether there are seats is asked apart, by
//! [`PricedBasket::take`], because a quote also shows what is sold out.
//!
//! Whatever changes a price belongs here. What must never be here: a second way to price a booking.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::availability::SlotOffer;
use crate::ids::{ProductId, ResourceDayId, ResourceId, SlotId, TenantId, UnitId};
use crate::limits::AMOUNT_MINOR_MAX;
use crate::money::Money;
use crate::provider::TenantProviders;
use crate::refusal::Refusal;
use crate::resources::{ResourceCalendar, ResourceRows};
use crate::rows::{Facts, Product, Resource, ResourceDay, Slot, Unit};
use crate::split::SplitRule;
use crate::tax::{self, Tax, TaxedPrice};
use crate::time::Timestamp;
use crate::working_set::Json;

/// A quantity of one unit for one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasketItem {
    pub slot: SlotId,
    pub unit: UnitId,
    /// From 1 to [`crate::limits::QUANTITY_MAX`].
    pub quantity: i64,
}

/// What a client wants to book.
#[derive(Clone, Copy, Debug)]
pub struct Basket<'a> {
    pub tenant: TenantId,
    /// From 1 to [`crate::limits::ITEMS_PER_BOOKING_MAX`], each unit of a slot once.
    pub items: &'a [BasketItem],
    pub providers: &'a TenantProviders,
    pub now: Timestamp,
}

/// The rows that a price is made of, wherever they were loaded.
pub trait CatalogueRows: ResourceRows {
    fn slot(&self, id: SlotId) -> Option<&Slot>;
    fn product(&self, id: ProductId) -> Option<&Product>;
    fn unit(&self, id: UnitId) -> Option<&Unit>;
}

impl CatalogueRows for Facts {
    fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id)
    }
    fn product(&self, id: ProductId) -> Option<&Product> {
        self.products.get(id)
    }
    fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(id)
    }
}

/// Rows that a query read, without a lock.
#[derive(Clone, Debug, Default)]
pub struct ReadRows {
    slots: BTreeMap<SlotId, Slot>,
    products: BTreeMap<ProductId, Product>,
    units: BTreeMap<UnitId, Unit>,
    resources: BTreeMap<ResourceId, Resource>,
    resource_days: BTreeMap<ResourceDayId, ResourceDay>,
}

impl ReadRows {
    pub fn new(slots: Vec<Slot>, products: Vec<Product>, units: Vec<Unit>) -> ReadRows {
        ReadRows {
            slots: slots.into_iter().map(|slot| (slot.id, slot)).collect(),
            products: products.into_iter().map(|product| (product.id, product)).collect(),
            units: units.into_iter().map(|unit| (unit.id, unit)).collect(),
            ..ReadRows::default()
        }
    }

    /// With the days on which the slots need resources, all of them.
    #[must_use]
    pub fn with_resources(mut self, resources: Vec<Resource>, days: Vec<ResourceDay>) -> ReadRows {
        self.resources = resources.into_iter().map(|resource| (resource.id, resource)).collect();
        self.resource_days = days.into_iter().map(|day| (day.id, day)).collect();
        self
    }
}

impl CatalogueRows for ReadRows {
    fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(&id)
    }
    fn product(&self, id: ProductId) -> Option<&Product> {
        self.products.get(&id)
    }
    fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(&id)
    }
}

impl ResourceRows for ReadRows {
    fn resource(&self, id: ResourceId) -> Option<&Resource> {
        self.resources.get(&id)
    }
    fn resource_day(&self, id: ResourceDayId) -> Option<&ResourceDay> {
        self.resource_days.get(&id)
    }
    fn is_loaded(&self, _: ResourceDayId) -> bool {
        true
    }
}

/// An item of the basket with its price.
#[derive(Clone, Debug)]
pub struct PricedLine<'r> {
    pub slot: &'r Slot,
    pub product: &'r Product,
    pub unit: &'r Unit,
    pub quantity: i64,
    /// The seats of the whole quantity.
    pub seats: i64,
    /// The price of one, with all taxes.
    pub price_minor: i64,
    /// The taxes in the price of one.
    pub taxes: Vec<Tax>,
    /// The price of the whole quantity.
    pub amount_minor: i64,
}

/// The seats that the basket wants of one slot.
#[derive(Clone, Copy, Debug)]
pub struct SlotDemand<'r> {
    pub offer: SlotOffer<'r>,
    pub seats: i64,
}

/// A basket with its prices. Every slot of it takes reservations.
#[derive(Clone, Debug)]
pub struct PricedBasket<'r> {
    /// In the order of the basket.
    pub lines: Vec<PricedLine<'r>>,
    /// Each slot once, in the order of the basket.
    pub slots: Vec<SlotDemand<'r>>,
    pub total: Money,
}

impl Basket<'_> {
    /// Prices the basket, or refuses all of it.
    pub fn price<'r>(&self, rows: &'r impl CatalogueRows) -> Result<PricedBasket<'r>, Refusal> {
        let slots = self.offers(rows)?;
        let lines: Vec<PricedLine<'r>> =
            self.items.iter().map(|item| self.line(rows, &slots, item)).collect::<Result<_, _>>()?;
        let slots = slots.into_iter().map(|offer| {
            let wanted = lines.iter().filter(|line| line.slot.id == offer.slot.id);
            SlotDemand { offer, seats: wanted.map(|line| line.seats).sum() }
        });
        let slots: Vec<SlotDemand<'r>> = slots.collect();
        let total = total(&lines, &slots)?;
        self.providers.check_total(total)?;
        let priced = PricedBasket { lines, slots, total };
        priced.check_split()?;
        Ok(priced)
    }

    /// The slots of the basket with their products, each once. All of them take reservations.
    fn offers<'r>(&self, rows: &'r impl CatalogueRows) -> Result<Vec<SlotOffer<'r>>, Refusal> {
        let mut offers: Vec<SlotOffer<'r>> = Vec::new();
        for item in self.items {
            if offers.iter().any(|offer| offer.slot.id == item.slot) {
                continue;
            }
            let slot = rows.slot(item.slot).filter(|slot| slot.tenant == self.tenant);
            let slot = slot.ok_or(Refusal::SlotNotFound)?;
            let product = rows.product(slot.product).ok_or(Refusal::ProductNotFound)?;
            let offer = ResourceCalendar::new(rows).offer(product, slot, self.now);
            offer.is_open()?;
            offers.push(offer);
        }
        Ok(offers)
    }

    fn line<'r>(
        &self,
        rows: &'r impl CatalogueRows,
        offers: &[SlotOffer<'r>],
        item: &BasketItem,
    ) -> Result<PricedLine<'r>, Refusal> {
        let offer @ SlotOffer { product, slot, .. } =
            *offers.iter().find(|offer| offer.slot.id == item.slot).ok_or(Refusal::SlotNotFound)?;
        let unit = rows.unit(item.unit).filter(|unit| unit.tenant == self.tenant);
        let unit = unit.ok_or(Refusal::UnitNotFound { unit: item.unit.0 })?;
        offer.sells(unit)?;
        let taxed = tax::taxed_price(&product.taxes.0, unit.price_minor);
        let TaxedPrice { price_minor, taxes } = taxed.ok_or(Refusal::AmountIsTooLarge)?;
        let amount_minor = price_minor.checked_mul(item.quantity).ok_or(Refusal::AmountIsTooLarge)?;
        Ok(PricedLine {
            slot,
            product,
            unit,
            quantity: item.quantity,
            seats: unit.seats * item.quantity,
            price_minor,
            taxes,
            amount_minor,
        })
    }
}

/// The sum of the lines, in the one currency of their products.
fn total(lines: &[PricedLine<'_>], slots: &[SlotDemand<'_>]) -> Result<Money, Refusal> {
    let mut currencies = slots.iter().map(|demand| demand.offer.product.currency);
    let currency = currencies.next().ok_or(Refusal::SlotNotFound)?;
    if currencies.any(|other| other != currency) {
        return Err(Refusal::CurrenciesDiffer);
    }
    let mut total_minor: i64 = 0;
    for line in lines {
        total_minor = total_minor
            .checked_add(line.amount_minor)
            .filter(|total| *total <= AMOUNT_MINOR_MAX)
            .ok_or(Refusal::AmountIsTooLarge)?;
    }
    Ok(Money::new(total_minor, currency))
}

impl PricedBasket<'_> {
    /// The seats of all lines together.
    pub fn seats(&self) -> i64 {
        self.lines.iter().map(|line| line.seats).sum()
    }

    /// The slots after the seats are taken, held or sold at once. Refuses the whole basket if one slot has too few
    /// seats left, or a resource that several of them need at the same time is too small for all.
    pub fn take<R: ResourceRows>(
        &self,
        calendar: &mut ResourceCalendar<'_, R>,
        sold: bool,
    ) -> Result<Vec<Slot>, Refusal> {
        let take = |SlotDemand { offer: SlotOffer { slot, product, .. }, seats }: &SlotDemand<'_>| {
            let vacancies = slot.vacancies();
            if vacancies < *seats {
                return Err(Refusal::SlotIsFull { slot: slot.id.0, vacancies });
            }
            let (held, sold) = if sold { (0, *seats) } else { (*seats, 0) };
            let taken = Slot { held: slot.held + held, sold: slot.sold + sold, ..(*slot).clone() };
            calendar.reserve(slot, taken, product)
        };
        self.slots.iter().map(take).collect()
    }

    /// The taxes of all lines, those of one name and rate together.
    pub fn taxes(&self) -> Vec<Tax> {
        tax::total(self.lines.iter().flat_map(|line| line.taxes.iter().map(|tax| (tax, line.quantity))))
    }

    /// A hold of the basket ends at this time at the latest: a booking cannot be paid after its first
    /// departure.
    pub fn earliest_start(&self) -> Timestamp {
        let starts = self.slots.iter().map(|demand| demand.offer.slot.starts_at);
        starts.min().unwrap_or_default()
    }

    /// How the money of the booking is divided. `None`: it all belongs to the tenant, or there is none.
    pub fn split(&self) -> Option<&Json<SplitRule>> {
        let product = self.slots.first().filter(|_| self.total.minor > 0)?.offer.product;
        product.split.as_ref()
    }

    /// The funds of a booking are released once, by one rule. So products that divide their money
    /// differently are not sold together.
    fn check_split(&self) -> Result<(), Refusal> {
        let mut rules = self.slots.iter().map(|demand| &demand.offer.product.split);
        let first = rules.next();
        if self.total.minor > 0 && rules.any(|rule| Some(rule) != first) {
            return Err(Refusal::SplitRulesDiffer);
        }
        Ok(())
    }
}
