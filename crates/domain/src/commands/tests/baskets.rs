//! A booking of several slots and products: held in whole or not at all, at the price of its quote.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy as _};
use std::vec::Vec;
use uuid::Uuid;

use super::test_store::CommandResult;
use super::test_world::{PRICE, TENANT, TestWorld, any_provider, eur};
use crate::commands::Reserve;
use crate::limits::{AMOUNT_MINOR_MAX, HOLD_SECONDS, HOLD_SECONDS_MAX};
use crate::money::Money;
use crate::pricing::{Basket, BasketItem, ReadRows};
use crate::reply::{BookingReply, Reply};
use crate::rows::{Booking, BookingItem, Customer, FundsRelease, Message, Product, Slot, Unit};
use crate::split::{Portion, SplitRule};
use crate::time::Span;
use crate::working_set::Json;
use crate::{Currency, Ids as _, ProductId, Refusal, SlotId, UnitId};

/// A slot of another product, with a unit of two seats.
struct Other {
    product: ProductId,
    slot: SlotId,
    unit: UnitId,
}

impl TestWorld {
    fn other(&mut self, capacity: i64) -> Other {
        let mut product: Product = self.get(self.product);
        product.id = ProductId(self.ids.next());
        let mut slot: Slot = self.get(self.slot);
        (slot.id, slot.product, slot.capacity) = (SlotId(self.ids.next()), product.id, capacity);
        let mut unit: Unit = self.get(self.seat);
        (unit.id, unit.product, unit.seats) = (UnitId(self.ids.next()), product.id, 2);
        unit.price_minor = 3 * PRICE;
        self.set(&product);
        self.set(&slot);
        self.set(&unit);
        Other { product: product.id, slot: slot.id, unit: unit.id }
    }

    /// For every fourth number, a seat of another slot of the product.
    pub fn item_of_another_slot(&self, which: u8) -> Option<BasketItem> {
        let other = self.all::<Slot>().into_iter().find(|slot| slot.id != self.slot)?;
        let item = BasketItem { slot: other.id, unit: self.seat, quantity: 1 };
        (which % 4 == 1).then_some(item)
    }

    /// Two seats of the world's slot, and as many units of the other.
    fn basket_of(&self, other: &Other, quantity: i64) -> Vec<BasketItem> {
        let mut items = self.basket(self.seat, 2);
        items.push(BasketItem { slot: other.slot, unit: other.unit, quantity });
        items
    }

    fn reserve_of(&mut self, items: Vec<BasketItem>) -> Reserve {
        Reserve { items, ..self.reserve_command(1) }
    }

    fn booked(&mut self, command: &Reserve) -> BookingReply {
        let Reply::Booking(reply) = self.run(command).reply() else { panic!("a booking was made") };
        *reply
    }

    fn held(&self, slot: SlotId) -> i64 {
        self.get::<Slot>(slot).held
    }

    /// What a query reads of the catalogue, and the basket priced over it.
    fn quote(&self, items: &[BasketItem]) -> Result<(Money, Vec<i64>), Refusal> {
        let rows = ReadRows::new(self.all(), self.all(), self.all());
        let basket = Basket { tenant: TENANT, items, providers: &any_provider(), now: self.now };
        let priced = basket.price(&rows)?;
        Ok((priced.total, priced.lines.iter().map(|line| line.amount_minor).collect()))
    }
}

#[test]
fn a_basket_holds_seats_of_every_slot() {
    let mut world = TestWorld::new(4);
    let other = world.other(6);
    let command = world.reserve_of(world.basket_of(&other, 3));
    let reply = world.booked(&command);
    assert_eq!(reply.booking.total(), eur(2 * PRICE + 3 * 3 * PRICE));
    let shown: Vec<_> = reply.items.iter().map(|shown| (shown.item.slot, shown.slot.id)).collect();
    assert_eq!(shown, [(world.slot, world.slot), (other.slot, other.slot)]);
    assert_eq!(reply.items[1].item.product, other.product);
    assert_eq!(reply.items[1].slot.held, 6, "the slot is shown with the seats taken");
    assert_eq!((world.held(world.slot), world.held(other.slot)), (2, 6));
    assert_eq!(world.get::<Customer>(reply.booking.customer).held_seats, 8);
    world.wait(Span::seconds(HOLD_SECONDS));
    assert_eq!(world.expire(), 1);
    assert_eq!((world.held(world.slot), world.held(other.slot)), (0, 0));
}

#[test]
fn a_basket_with_one_full_slot_holds_nothing() {
    let mut world = TestWorld::new(4);
    let other = world.other(5);
    for (last_try, full_first) in [(true, false), (true, true), (false, false)] {
        let mut items = world.basket_of(&other, 3);
        if full_first {
            items.reverse();
        }
        let command = Reserve { last_try, ..world.reserve_of(items) };
        let full = Refusal::SlotIsFull { slot: other.slot.0, vacancies: 5 };
        let expected = if last_try { full } else { Refusal::SlotLooksFull };
        assert_eq!(world.refused(&command), expected);
        assert_eq!((world.held(world.slot), world.held(other.slot)), (0, 0));
        assert!(world.all::<Booking>().is_empty() && world.all::<BookingItem>().is_empty());
        assert!(world.all::<Message>().is_empty());
    }
    let command = world.reserve_of(world.basket_of(&other, 2));
    world.booked(&command);
}

#[test]
fn the_demand_for_one_slot_is_summed() {
    let mut world = TestWorld::new(4);
    let mut items = world.basket(world.seat, 3);
    items.extend(world.basket(world.child, 2));
    let command = world.reserve_of(items.clone());
    assert_eq!(world.refused(&command), Refusal::SlotIsFull { slot: world.slot.0, vacancies: 4 });
    items[1].quantity = 1;
    let command = world.reserve_of(items);
    let reply = world.booked(&command);
    assert_eq!((reply.items.len(), world.held(world.slot)), (2, 4));
    assert_eq!(reply.items[1].slot.held, 4);
}

#[test]
fn the_hold_of_a_basket_ends_at_the_first_departure() {
    for soon_first in [true, false] {
        let mut world = TestWorld::new(4);
        let other = world.other(4);
        let soon = world.now.plus(Span::seconds(60));
        let slot: Slot = world.get(other.slot);
        world.set(&Slot { starts_at: soon, ..slot });
        let mut items = world.basket_of(&other, 1);
        if soon_first {
            items.reverse();
        }
        let command = Reserve { hold_seconds: Some(HOLD_SECONDS_MAX), ..world.reserve_of(items) };
        let booking = world.booked(&command).booking;
        assert_eq!((booking.hold_expires_at, booking.hold_expires_max), (soon, soon));
    }
}

/// Whichever item of the basket it is about.
#[test]
fn a_basket_is_refused_in_whole() {
    type Arrange = fn(&mut TestWorld, &Other, &mut Vec<BasketItem>);
    let check = |arrange: Arrange, expected: fn(&Other) -> Refusal| {
        let mut world = TestWorld::new(4);
        let other = world.other(4);
        let mut items = world.basket_of(&other, 1);
        arrange(&mut world, &other, &mut items);
        assert_eq!(world.quote(&items), Err(expected(&other)), "a quote is refused by the same code");
        let command = world.reserve_of(items);
        assert_eq!(world.refused(&command), expected(&other));
        assert_eq!(world.held(world.slot), 0);
    };
    check(|_, _, items| items[1].slot = SlotId(Uuid::nil()), |_| Refusal::SlotNotFound);
    check(|_, _, items| items[0].slot = SlotId(Uuid::nil()), |_| Refusal::SlotNotFound);
    check(|_, _, items| items[1].unit = UnitId(Uuid::nil()), |_| Refusal::UnitNotFound { unit: Uuid::nil() });
    check(
        |_, other, items| items[0].unit = other.unit,
        |other| Refusal::UnitIsNotOfThisProduct { unit: other.unit.0 },
    );
    check(
        |world, other, _| set_slot(world, other, |slot| slot.closed = true),
        |other| Refusal::SlotIsClosed { slot: other.slot.0 },
    );
    check(
        |world, other, _| {
            let now = world.now;
            set_slot(world, other, |slot| slot.starts_at = now);
        },
        |other| Refusal::SlotHasStarted { slot: other.slot.0 },
    );
    check(
        |world, other, _| set_product(world, other, |product| product.active = false),
        |_| Refusal::ProductIsNotOnSale,
    );
    check(
        |world, other, _| set_product(world, other, |product| product.currency = Currency::BRL),
        |_| Refusal::CurrenciesDiffer,
    );
    check(
        |world, other, _| set_product(world, other, |product| product.split = Some(Json(rule(1)))),
        |_| Refusal::SplitRulesDiffer,
    );
    check(
        |world, other, _| {
            let unit: Unit = world.get(other.unit);
            world.set(&Unit { price_minor: AMOUNT_MINOR_MAX, ..unit });
        },
        |_| Refusal::AmountIsTooLarge,
    );
}

fn set_slot(world: &mut TestWorld, other: &Other, change: impl Fn(&mut Slot)) {
    let mut slot: Slot = world.get(other.slot);
    change(&mut slot);
    world.set(&slot);
}

fn set_product(world: &mut TestWorld, other: &Other, change: impl Fn(&mut Product)) {
    let mut product: Product = world.get(other.product);
    change(&mut product);
    world.set(&product);
}

fn rule(basis_points: i64) -> SplitRule {
    SplitRule {
        platform_fee: Portion { basis_points, fixed_minor: 0 },
        shares: Vec::new(),
        remainder: None,
        release_after_days: 1,
    }
}

#[test]
fn a_basket_has_one_split_rule() {
    let mut world = TestWorld::new(9);
    let other = world.other(9);
    let own: Product = world.get(world.product);
    world.set(&Product { split: Some(Json(rule(5))), ..own });
    set_product(&mut world, &other, |product| product.split = Some(Json(rule(5))));
    let command = world.reserve_of(world.basket_of(&other, 1));
    let booking = world.booked(&command).booking;
    let [release] = world.all::<FundsRelease>().try_into().expect("one release for the booking");
    assert_eq!((release.booking, release.split), (booking.id, Json(rule(5))));

    // Without money nothing is divided.
    set_product(&mut world, &other, |product| product.split = None);
    let unit: Unit = world.get(other.unit);
    world.set(&Unit { price_minor: 0, ..unit });
    let mut items = world.basket(world.child, 1);
    items.push(BasketItem { slot: other.slot, unit: other.unit, quantity: 1 });
    let command = world.reserve_of(items);
    assert_eq!(world.booked(&command).booking.total_minor, 0);
    assert_eq!(world.all::<FundsRelease>().len(), 1);
}

#[test]
fn a_booking_at_another_price_than_expected_holds_nothing() {
    let mut world = TestWorld::new(9);
    let other = world.other(9);
    let items = world.basket_of(&other, 1);
    let (total, _) = world.quote(&items).unwrap();
    let dearer = eur(total.minor + PRICE);
    let unit: Unit = world.get(other.unit);
    world.set(&Unit { price_minor: unit.price_minor + PRICE, ..unit });
    for expected in [total, Money::new(dearer.minor, Currency::BRL)] {
        let command = Reserve { expected_total: Some(expected), ..world.reserve_of(items.clone()) };
        assert_eq!(world.refused(&command), Refusal::PriceHasChanged { total: dearer });
        assert_eq!((world.held(world.slot), world.all::<Booking>().len()), (0, 0));
        // The customer was refused: the answer stays, whatever the price is later.
        assert!(matches!(world.run(&command), CommandResult::Replay { .. }));
    }
    let command = Reserve { expected_total: Some(dearer), ..world.reserve_of(items) };
    assert_eq!(world.booked(&command).booking.total(), dearer);
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_booking_costs_what_its_quote_says(
        prices in vec(0_i64..5_000, 4),
        picks in vec((0_usize..4, 1_i64..4), 1..5),
        moved in proptest::option::of((0_usize..4, 0_i64..5_000)).boxed(),
    ) {
        let mut world = TestWorld::new(100);
        world.set_settings(|settings| settings.seats_held_per_customer_max = None);
        let other = world.other(100);
        let late = world.add_slot(100);
        let units = [
            (world.slot, world.seat), (world.slot, world.child), (late, world.seat), (other.slot, other.unit),
        ];
        for ((_, unit), price_minor) in units.iter().zip(&prices) {
            let unit: Unit = world.get(*unit);
            world.set(&Unit { price_minor: *price_minor, ..unit });
        }
        let mut items: Vec<BasketItem> = Vec::new();
        for (which, quantity) in picks {
            let (slot, unit) = units[which];
            if !items.iter().any(|item| (item.slot, item.unit) == (slot, unit)) {
                items.push(BasketItem { slot, unit, quantity });
            }
        }
        let (total, amounts) = world.quote(&items).unwrap();
        if let Some((which, price_minor)) = moved {
            let unit: Unit = world.get(units[which].1);
            world.set(&Unit { price_minor, ..unit });
        }
        let command = Reserve { expected_total: Some(total), ..world.reserve_of(items.clone()) };
        let (now, _) = world.quote(&items).unwrap();
        if now == total {
            let reply = world.booked(&command);
            proptest::prop_assert_eq!(reply.booking.total(), total);
            if moved.is_none() {
                let booked: Vec<i64> =
                    reply.items.iter().map(|shown| shown.item.price_minor * shown.item.quantity).collect();
                proptest::prop_assert_eq!(booked, amounts);
            }
        } else {
            proptest::prop_assert_eq!(world.refused(&command), Refusal::PriceHasChanged { total: now });
        }
    }
}
