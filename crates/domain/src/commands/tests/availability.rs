//! A slot is shown as it would be reserved.

use std::vec;
use std::vec::Vec;

use super::shop::{CLIENT, Shop, TENANT};
use crate::availability::{Availability, SlotOffer};
use crate::commands::{AddSlots, NewSlot, Reserve};
use crate::reply::Reply;
use crate::rows::{Actor, Product, Slot, Unit};
use crate::time::Span;

fn shown(shop: &Shop, slot: &Slot) -> Availability {
    let product: Product = shop.get(slot.product);
    let units = shop.all::<Unit>();
    SlotOffer { product: &product, slot, now: shop.now }.availability(&units)
}

/// So many seats that cost nothing.
fn sell(shop: &mut Shop, seats: i64) {
    let command = Reserve { units: vec![(shop.child, seats)], ..shop.reserve_command(1) };
    shop.run(&command).reply();
}

fn set_units(shop: &mut Shop, change: impl Fn(&mut Unit)) {
    for mut unit in shop.all::<Unit>() {
        change(&mut unit);
        shop.set(&unit);
    }
}

#[test]
fn what_is_shown_is_what_a_reserve_is_answered() {
    type Arrange = fn(&mut Shop);
    let check = |arrange: Arrange, expected: Availability, refused: Option<&str>| {
        let mut shop = Shop::new(10);
        arrange(&mut shop);
        let slot: Slot = shop.get(shop.slot);
        assert_eq!(shown(&shop, &slot), expected);
        let command = Reserve { units: vec![(shop.seat, 1)], ..shop.reserve_command(1) };
        let answer = shop.run(&command);
        match refused {
            None => drop(answer.reply()),
            Some(code) => assert_eq!(answer.refusal().code(), code, "{expected:?}"),
        }
    };
    check(|_| {}, Availability::Available, None);
    check(|shop| sell(shop, 7), Availability::Available, None);
    check(|shop| sell(shop, 8), Availability::Limited, None);
    check(|shop| sell(shop, 10), Availability::SoldOut, Some("slot_is_full"));
    check(
        |shop| {
            sell(shop, 8);
            set_units(shop, |unit| unit.seats = 3);
        },
        Availability::SoldOut,
        Some("slot_is_full"),
    );
    check(|shop| shop.set_slot(|slot| slot.closed = true), Availability::Closed, Some("slot_is_closed"));
    let started: Arrange = |shop| {
        let now = shop.now;
        shop.set_slot(|slot| slot.starts_at = now);
    };
    check(started, Availability::Started, Some("slot_has_started"));
    let soon: Arrange = |shop| {
        let soon = shop.now.plus(Span(1));
        shop.set_slot(|slot| slot.starts_at = soon);
    };
    check(soon, Availability::Available, None);
    let off_sale: Arrange = |shop| {
        let product: Product = shop.get(shop.product);
        shop.set(&Product { active: false, ..product });
    };
    check(off_sale, Availability::NotOnSale, Some("product_is_not_on_sale"));
    let no_unit: Arrange = |shop| set_units(shop, |unit| unit.active = false);
    check(no_unit, Availability::NotOnSale, Some("unit_is_not_on_sale"));
    let foreign: Arrange = |shop| {
        let other = shop.slot;
        set_units(shop, |unit| unit.product = crate::ProductId(other.0));
    };
    check(foreign, Availability::NotOnSale, Some("unit_is_not_of_this_product"));
}

/// One unit on sale is enough, and the smallest says whether there is room.
#[test]
fn any_unit_on_sale_makes_a_slot_available() {
    let mut shop = Shop::new(10);
    sell(&mut shop, 9);
    let seat = shop.seat;
    set_units(&mut shop, |unit| (unit.active, unit.seats) = (unit.id != seat, 2));
    let slot: Slot = shop.get(shop.slot);
    assert_eq!(shown(&shop, &slot), Availability::SoldOut);
    set_units(&mut shop, |unit| unit.seats = 1);
    assert_eq!(shown(&shop, &slot), Availability::Limited);
}

#[test]
fn slots_are_shown_as_they_are_offered_when_they_are_added() {
    let mut shop = Shop::new(1);
    let add = |shop: &mut Shop| {
        let at = |span| NewSlot { starts_at: shop.now.plus(span), capacity: 10 };
        // One departure a moment.
        let others = shop.all::<Slot>().len() as i64;
        let command = AddSlots {
            claim: None,
            tenant: TENANT,
            by: Actor::Client(CLIENT),
            product: shop.product,
            slots: vec![at(Span(1 - others)), at(Span(others))],
            all_units: vec![shop.seat, shop.child],
        };
        let Reply::Slots(added) = shop.run(&command).reply() else { panic!("slots were added") };
        added.slots.iter().map(|(_, availability)| availability.name()).collect::<Vec<_>>()
    };
    assert_eq!(add(&mut shop), ["started", "available"]);
    set_units(&mut shop, |unit| unit.active = false);
    assert_eq!(add(&mut shop), ["started", "not_on_sale"]);
    let product: Product = shop.get(shop.product);
    shop.set(&Product { active: false, ..product });
    assert_eq!(add(&mut shop), ["not_on_sale", "not_on_sale"]);
}
