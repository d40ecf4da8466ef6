//! The availability that is shown of a slot equals the decision of a reserve.

use std::vec;
use std::vec::Vec;

use super::test_world::{CLIENT, TENANT, TestWorld};
use crate::availability::{Availability, SlotOffer};
use crate::commands::{AddSlots, NewSlot, Reserve};
use crate::reply::Reply;
use crate::rows::{Actor, Product, Slot, Unit};
use crate::time::Span;

fn shown(world: &TestWorld, slot: &Slot) -> Availability {
    let product: Product = world.get(slot.product);
    let units = world.all::<Unit>();
    SlotOffer { product: &product, slot, resource_seats: None, now: world.now }.availability(&units)
}

/// A request for this many free seats.
fn sell(world: &mut TestWorld, seats: i64) {
    let command = Reserve { items: world.basket(world.child, seats), ..world.reserve_command(1) };
    world.run(&command).reply();
}

fn set_units(world: &mut TestWorld, change: impl Fn(&mut Unit)) {
    for mut unit in world.all::<Unit>() {
        change(&mut unit);
        world.set(&unit);
    }
}

#[test]
fn what_is_shown_is_what_a_reserve_is_answered() {
    type Arrange = fn(&mut TestWorld);
    let check = |arrange: Arrange, expected: Availability, refused: Option<&str>| {
        let mut world = TestWorld::new(10);
        arrange(&mut world);
        let slot: Slot = world.get(world.slot);
        assert_eq!(shown(&world, &slot), expected);
        let command = Reserve { items: world.basket(world.seat, 1), ..world.reserve_command(1) };
        let answer = world.run(&command);
        match refused {
            None => drop(answer.reply()),
            Some(code) => assert_eq!(answer.refusal().code(), code, "{expected:?}"),
        }
    };
    check(|_| {}, Availability::Available, None);
    check(|world| sell(world, 7), Availability::Available, None);
    check(|world| sell(world, 8), Availability::Limited, None);
    check(|world| sell(world, 10), Availability::SoldOut, Some("slot_is_full"));
    check(
        |world| {
            sell(world, 8);
            set_units(world, |unit| unit.seats = 3);
        },
        Availability::SoldOut,
        Some("slot_is_full"),
    );
    check(|world| world.set_slot(|slot| slot.closed = true), Availability::Closed, Some("slot_is_closed"));
    let started: Arrange = |world| {
        let now = world.now;
        world.set_slot(|slot| slot.starts_at = now);
    };
    check(started, Availability::Started, Some("slot_has_started"));
    let soon: Arrange = |world| {
        let soon = world.now.plus(Span(1));
        world.set_slot(|slot| slot.starts_at = soon);
    };
    check(soon, Availability::Available, None);
    let off_sale: Arrange = |world| {
        let product: Product = world.get(world.product);
        world.set(&Product { active: false, ..product });
    };
    check(off_sale, Availability::NotOnSale, Some("product_is_not_on_sale"));
    let no_unit: Arrange = |world| set_units(world, |unit| unit.active = false);
    check(no_unit, Availability::NotOnSale, Some("unit_is_not_on_sale"));
    let foreign: Arrange = |world| {
        let other = world.slot;
        set_units(world, |unit| unit.product = crate::ProductId(other.0));
    };
    check(foreign, Availability::NotOnSale, Some("unit_is_not_of_this_product"));
}

/// One unit on sale is enough, and the smallest one decides whether there is room.
#[test]
fn any_unit_on_sale_makes_a_slot_available() {
    let mut world = TestWorld::new(10);
    sell(&mut world, 9);
    let seat = world.seat;
    set_units(&mut world, |unit| (unit.active, unit.seats) = (unit.id != seat, 2));
    let slot: Slot = world.get(world.slot);
    assert_eq!(shown(&world, &slot), Availability::SoldOut);
    set_units(&mut world, |unit| unit.seats = 1);
    assert_eq!(shown(&world, &slot), Availability::Limited);
}

#[test]
fn slots_are_shown_as_they_are_offered_when_they_are_added() {
    let mut world = TestWorld::new(1);
    let add = |world: &mut TestWorld| {
        let at = |span| NewSlot { starts_at: world.now.plus(span), capacity: 10 };
        // A product has one departure at one time.
        let others = world.all::<Slot>().len() as i64;
        let command = AddSlots {
            claim: None,
            tenant: TENANT,
            by: Actor::Client(CLIENT),
            product: world.product,
            slots: vec![at(Span(1 - others)), at(Span(others))],
            all_units: vec![world.seat, world.child],
        };
        let Reply::Slots(added) = world.run(&command).reply() else { panic!("slots were added") };
        added.slots.iter().map(|offered| offered.availability.name()).collect::<Vec<_>>()
    };
    assert_eq!(add(&mut world), ["started", "available"]);
    set_units(&mut world, |unit| unit.active = false);
    assert_eq!(add(&mut world), ["started", "not_on_sale"]);
    let product: Product = world.get(world.product);
    world.set(&Product { active: false, ..product });
    assert_eq!(add(&mut world), ["not_on_sale", "not_on_sale"]);
}
