//! A change of a product is decided over its current state.

use std::format;
use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::owed::SOME_AMOUNTS;
use super::test_world::{CLIENT, STRANGER, TENANT, TestWorld, any_provider, create_product_command, eur};
use crate::commands::{AddSlots, ChangeProduct, CreateProduct, NewSlot, NewUnit, UnitChange};
use crate::limits::UNITS_PER_PRODUCT_MAX;
use crate::provider::TenantProviders;
use crate::reply::Reply;
use crate::rows::{Actor, Product, Slot, Unit};
use crate::{Currency, ProductId, Refusal, SlotId, UnitId};

fn change(world: &TestWorld) -> ChangeProduct {
    let product: Product = world.get(world.product);
    ChangeProduct {
        claim: None,
        tenant: TENANT,
        by: Actor::Client(CLIENT),
        product: product.id,
        name: None,
        description: None,
        active: None,
        metadata: None,
        taxes: None,
        units: vec![],
        new_units: vec![],
        providers: any_provider(),
        version: product.version,
        all_units: world.all::<Unit>().iter().map(|unit| unit.id).collect(),
    }
}

fn new_units(count: usize) -> Vec<NewUnit> {
    (0..count).map(|number| NewUnit { name: format!("unit {number}"), price_minor: 1, seats: 1 }).collect()
}

fn off_sale(unit: UnitId) -> Vec<UnitChange> {
    vec![UnitChange { id: unit, name: None, price_minor: None, active: Some(false) }]
}

#[test]
fn a_change_is_refused_by_name() {
    let mut world = TestWorld::new(1);
    let unknown = UnitId(Uuid::nil());
    let other: Unit = world.get(world.child);
    world.set(&Unit { id: UnitId(Uuid::from_u128(99)), product: ProductId(Uuid::from_u128(98)), ..other });
    let only_own =
        |world: &TestWorld| ChangeProduct { all_units: vec![world.seat, world.child], ..change(world) };
    for (command, refusal) in [
        (ChangeProduct { product: ProductId(Uuid::nil()), ..only_own(&world) }, Refusal::ProductNotFound),
        (ChangeProduct { tenant: STRANGER, ..only_own(&world) }, Refusal::ProductNotFound),
        (ChangeProduct { version: 0, ..only_own(&world) }, Refusal::ChangedMeanwhile),
        (
            ChangeProduct { units: off_sale(unknown), ..only_own(&world) },
            Refusal::UnitNotFound { unit: unknown.0 },
        ),
        (
            ChangeProduct { units: off_sale(UnitId(Uuid::from_u128(99))), ..only_own(&world) },
            Refusal::UnitIsNotOfThisProduct { unit: Uuid::from_u128(99) },
        ),
        (
            ChangeProduct { new_units: new_units(UNITS_PER_PRODUCT_MAX - 1), ..only_own(&world) },
            Refusal::TooManyUnits { limit: UNITS_PER_PRODUCT_MAX },
        ),
    ] {
        assert_eq!(world.refused(&command), refusal);
    }
}

#[test]
fn nothing_is_for_sale_at_a_price_that_nobody_can_pay() {
    let mut world = TestWorld::new(1);
    let (seat, rule) = (world.seat, (SOME_AMOUNTS.0)("stripe", Currency::EUR).unwrap());
    let providers = || TenantProviders { amounts: SOME_AMOUNTS, ..any_provider() };
    let price =
        |price_minor| UnitChange { price_minor: Some(price_minor), active: None, id: seat, name: None };
    for minor in [12, 1_005] {
        let refusal = Refusal::AmountIsNotPayable { amount: eur(minor), rule };
        let unit = NewUnit { name: "seat".into(), price_minor: minor, seats: 1 };
        let create = create_product_command(Currency::EUR, vec![unit.clone()]);
        assert_eq!(world.refused(&CreateProduct { providers: providers(), ..create }), refusal);
        let added = ChangeProduct { new_units: vec![unit], providers: providers(), ..change(&world) };
        assert_eq!(world.refused(&added), refusal);
        let dearer = ChangeProduct { units: vec![price(minor)], providers: providers(), ..change(&world) };
        assert_eq!(world.refused(&dearer), refusal);
    }
    let unit = NewUnit { name: "seat".into(), price_minor: 10, seats: 1 };
    let create = create_product_command(Currency::USD, vec![unit]);
    let nowhere = CreateProduct { providers: providers(), ..create.clone() };
    assert_eq!(world.refused(&nowhere), Refusal::CurrencyIsNotTaken { currency: Currency::USD });

    // Several units are paid together, free units need no payment, and a tenant without a provider
    // can use any price.
    for minor in [5, 0] {
        let cheap = ChangeProduct { units: vec![price(minor)], providers: providers(), ..change(&world) };
        world.run(&cheap).reply();
    }
    let providers = TenantProviders { names: vec![], amounts: SOME_AMOUNTS };
    world.run(&CreateProduct { providers, ..create }).reply();
}

#[test]
fn a_reply_has_all_units_that_there_are() {
    let mut world = TestWorld::new(1);
    let first = ChangeProduct { new_units: new_units(2), ..change(&world) };
    let second = ChangeProduct { new_units: new_units(1), ..first.clone() };
    let Reply::Product(made) = world.run(&first).reply() else { panic!("a product was changed") };
    assert_eq!((made.0.version, made.1.len()), (2, 4));
    // The query did not find the two units that were added since.
    assert_eq!(world.refused(&second), Refusal::ChangedMeanwhile);
    let full = ChangeProduct { new_units: new_units(UNITS_PER_PRODUCT_MAX - 4), ..change(&world) };
    let Reply::Product(made) = world.run(&full).reply() else { panic!("a product was changed") };
    assert_eq!(made.1.len(), UNITS_PER_PRODUCT_MAX);
    let seat = world.seat;
    let still = ChangeProduct { units: off_sale(seat), ..change(&world) };
    world.run(&still).reply();
    assert!(!world.get::<Unit>(seat).active);
}

#[test]
fn a_product_departs_once_at_one_moment() {
    let mut world = TestWorld::new(1);
    let known: Slot = world.get(world.slot);
    let at = |starts_at| NewSlot { starts_at, capacity: 5 };
    let add = |slots| AddSlots {
        claim: None,
        tenant: TENANT,
        by: Actor::Client(CLIENT),
        product: world.product,
        slots,
        all_units: vec![world.seat, world.child],
    };
    let later = known.starts_at.plus(crate::time::Span(1));
    let (again, twice, fresh) =
        (add(vec![at(later), at(known.starts_at)]), add(vec![at(later), at(later)]), add(vec![at(later)]));
    let exists =
        |starts_at| Refusal::SlotAlreadyExists { slot: SlotId::of(TENANT, known.product, starts_at).0 };
    assert_eq!(world.refused(&again), exists(known.starts_at));
    assert_eq!(world.refused(&twice), exists(later));
    assert_eq!(world.all::<Slot>().len(), 1, "all of them, or none");
    world.run(&fresh).reply();
    assert_eq!(world.refused(&fresh), exists(later));
}
