//! A product is changed over what it is at that moment.

use std::format;
use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::shop::{CLIENT, STRANGER, Shop, TENANT};
use crate::commands::{ChangeProduct, NewUnit, UnitChange};
use crate::limits::UNITS_PER_PRODUCT_MAX;
use crate::reply::Reply;
use crate::rows::{Product, Unit};
use crate::{ProductId, Refusal, UnitId};

fn change(shop: &Shop) -> ChangeProduct {
    let product: Product = shop.get(shop.product);
    ChangeProduct {
        claim: None,
        tenant: TENANT,
        client: CLIENT,
        product: product.id,
        name: None,
        description: None,
        active: None,
        metadata: None,
        units: vec![],
        new_units: vec![],
        version: product.version,
        all_units: shop.all::<Unit>().iter().map(|unit| unit.id).collect(),
    }
}

fn new_units(count: usize) -> Vec<NewUnit> {
    (0..count).map(|number| NewUnit { name: format!("unit {number}"), price_minor: 1, places: 1 }).collect()
}

fn off_sale(unit: UnitId) -> Vec<UnitChange> {
    vec![UnitChange { id: unit, name: None, price_minor: None, active: Some(false) }]
}

#[test]
fn a_change_is_refused_by_name() {
    let mut shop = Shop::new(1);
    let unknown = UnitId(Uuid::nil());
    let other: Unit = shop.get(shop.child);
    shop.set(&Unit { id: UnitId(Uuid::from_u128(99)), product: ProductId(Uuid::from_u128(98)), ..other });
    let only_own = |shop: &Shop| ChangeProduct { all_units: vec![shop.seat, shop.child], ..change(shop) };
    for (command, refusal) in [
        (ChangeProduct { product: ProductId(Uuid::nil()), ..only_own(&shop) }, Refusal::ProductNotFound),
        (ChangeProduct { tenant: STRANGER, ..only_own(&shop) }, Refusal::ProductNotFound),
        (ChangeProduct { version: 0, ..only_own(&shop) }, Refusal::ChangedMeanwhile),
        (
            ChangeProduct { units: off_sale(unknown), ..only_own(&shop) },
            Refusal::UnitNotFound { unit: unknown.0 },
        ),
        (
            ChangeProduct { units: off_sale(UnitId(Uuid::from_u128(99))), ..only_own(&shop) },
            Refusal::UnitIsNotOfThisProduct { unit: Uuid::from_u128(99) },
        ),
        (
            ChangeProduct { new_units: new_units(UNITS_PER_PRODUCT_MAX - 1), ..only_own(&shop) },
            Refusal::TooManyUnits { limit: UNITS_PER_PRODUCT_MAX },
        ),
    ] {
        assert_eq!(shop.refused(&command), refusal);
    }
}

#[test]
fn a_reply_has_all_units_that_there_are() {
    let mut shop = Shop::new(1);
    let first = ChangeProduct { new_units: new_units(2), ..change(&shop) };
    let second = ChangeProduct { new_units: new_units(1), ..first.clone() };
    let Reply::Product(made) = shop.run(&first).reply() else { panic!("a product was changed") };
    assert_eq!((made.0.version, made.1.len()), (2, 4));
    // It knows nothing of the two that were added since it looked.
    assert_eq!(shop.refused(&second), Refusal::ChangedMeanwhile);
    let full = ChangeProduct { new_units: new_units(UNITS_PER_PRODUCT_MAX - 4), ..change(&shop) };
    let Reply::Product(made) = shop.run(&full).reply() else { panic!("a product was changed") };
    assert_eq!(made.1.len(), UNITS_PER_PRODUCT_MAX);
    let seat = shop.seat;
    let still = ChangeProduct { units: off_sale(seat), ..change(&shop) };
    shop.run(&still).reply();
    assert!(!shop.get::<Unit>(seat).active);
}
