//! Taxes: what a ticket and a booking have of them, and when they are owed.

use std::borrow::ToOwned as _;
use std::vec;
use std::vec::Vec;

use super::cancellations::half;
use super::recorded::{give_back, recorded};
use super::test_world::{PRICE, TestWorld, eur};
use crate::commands::{CancelBooking, CancelledItem, StartPayment};
use crate::lifecycle::booking;
use crate::provider::{ProviderStatus, RefundStatus};
use crate::rows::{Booking, BookingItem, Capture, Message, Product, Refund, Unit};
use crate::tax::{Tax, TaxRule};
use crate::time::Span;
use crate::working_set::Json;
use crate::{BookingId, Money, PaymentId, Refusal};

fn rule(name: &str, rate_basis_points: i64, included: bool) -> TaxRule {
    TaxRule { name: name.to_owned(), rate_basis_points, included }
}

/// A fifth of the price is included, and a tenth of the net price is added: 167 and 83 of 1,000.
pub(super) fn both() -> Vec<TaxRule> {
    vec![rule("VAT", 2_000, true), rule("City", 1_000, false)]
}

/// Sets the taxes as a change of the product does, without its checks.
pub(super) fn set_taxes(world: &mut TestWorld, taxes: Vec<TaxRule>) {
    let product: Product = world.get(world.product);
    world.set(&Product { taxes: Json(taxes), version: product.version + 1, ..product });
}

fn of_one(taxes: Vec<TaxRule>) -> (i64, i64) {
    let taxed = crate::tax::taxed_price(&taxes, PRICE).unwrap();
    (taxed.price_minor, crate::tax::sum(&taxed.taxes))
}

/// A confirmed booking of this many seats, with taxes, of which half goes back.
fn sold(quantity: i64, capture: Capture) -> (TestWorld, BookingId, PaymentId) {
    let mut world = TestWorld::new(10);
    world.set_policy(half());
    set_taxes(&mut world, both());
    let booking = world.reserve(quantity);
    let command = StartPayment { capture, ..world.pay_command(booking) };
    let payment = world.start(&command);
    world.mark_sent(payment);
    let amount_minor = of_one(both()).0 * quantity;
    let status = match capture {
        Capture::Automatic => ProviderStatus::Captured { amount_minor },
        Capture::Manual => ProviderStatus::Authorized { amount_minor },
    };
    world.webhook(payment, status);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    (world, booking, payment)
}

/// What is owed of taxes, what is revenue, and what was refunded of it.
fn books(world: &mut TestWorld) -> (i64, i64, i64) {
    let balances = world.close_the_books();
    let of = |name: &str| balances.get(name).copied().unwrap_or_default();
    assert_eq!(of("deferred_revenue"), 0, "{balances:?}");
    (-of("taxes_payable"), -of("revenue"), of("refunds"))
}

#[test]
fn added_taxes_are_part_of_the_total_and_included_ones_of_the_price() {
    let mut world = TestWorld::new(4);
    set_taxes(&mut world, both());
    let booking = world.reserve(2);
    let row: Booking = world.get(booking);
    let (price, tax) = of_one(both());
    assert_eq!((row.total_minor, row.tax_minor), (2 * price, 2 * tax));
    let item = &world.items_of(booking)[0];
    assert_eq!(item.price_minor, price);
    assert_eq!(item.taxes.0.iter().map(|tax| tax.included).collect::<Vec<_>>(), [true, false]);
    assert_eq!(price, PRICE + item.taxes.0[1].minor, "only the added tax raises the price");
}

#[test]
fn a_changed_tax_does_not_change_a_booking() {
    let (mut world, booking, _) = sold(2, Capture::Automatic);
    let before = (world.get::<Booking>(booking), world.items_of(booking));
    set_taxes(&mut world, vec![rule("VAT", 10_000, true)]);
    assert_eq!((world.get::<Booking>(booking), world.items_of(booking)), before);
    world.complete(booking);
    let (price, tax) = of_one(both());
    assert_eq!(books(&mut world), (2 * tax, 2 * (price - tax), 0));
}

#[test]
fn taxes_are_owed_from_the_completion() {
    let (mut world, booking, _) = sold(3, Capture::Automatic);
    let none = world.close_the_books();
    assert!(!none.contains_key("taxes_payable"), "nothing is owed before: {none:?}");
    world.complete(booking);
    let (price, tax) = of_one(both());
    assert_eq!(books(&mut world), (3 * tax, 3 * (price - tax), 0));
}

#[test]
fn a_refund_after_the_completion_takes_back_its_tax() {
    let (mut world, booking, payment) = sold(3, Capture::Automatic);
    world.complete(booking);
    let (price, tax) = of_one(both());
    let mut refunded = 0;
    for part in [1, 7, 333, 3 * price - 341] {
        let refund = world.refund(payment, Some(part));
        world.send(refund, payment);
        world.refund_answer(refund, RefundStatus::Succeeded);
        refunded += part;
        let kept = 3 * price - refunded;
        let owed = crate::tax::of_kept(kept, 3 * price, 3 * tax);
        let (taxes, revenue, refunds) = books(&mut world);
        assert_eq!((taxes, taxes + revenue - refunds), (owed, kept), "{part} of it");
    }
    assert_eq!(books(&mut world).0, 0, "all of it went back");
}

#[test]
fn a_refund_that_comes_back_is_taxed_again() {
    let (mut world, booking, payment) = sold(3, Capture::Automatic);
    world.complete(booking);
    let owed = books(&mut world);
    let refund = world.refund(payment, Some(1_001));
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Succeeded);
    assert!(books(&mut world).0 < owed.0);
    world.refund_webhook(
        refund,
        RefundStatus::Failed(super::provider_model::failure("account_closed", false)),
    );
    assert_eq!(books(&mut world), owed);
}

#[test]
fn a_penalty_has_its_part_of_the_tax() {
    let (mut world, booking, payment) = sold(2, Capture::Automatic);
    let (price, tax) = of_one(both());
    let back = (price + 1) / 2;
    let command = world.cancel_for(booking, 2 * back);
    world.run(&command).reply();
    let refund = world.all::<Refund>()[0].id;
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Succeeded);
    let penalty = price - back;
    let of_penalty = crate::tax::of_kept(penalty, price, tax);
    assert_eq!(world.get::<Booking>(booking).tax_minor, 2 * of_penalty);
    assert_eq!(books(&mut world), (2 * of_penalty, 2 * (penalty - of_penalty), 0));
}

#[test]
fn tickets_cancelled_one_by_one_owe_the_tax_of_all_at_once() {
    let (mut one_by_one, booking, _) = sold(3, Capture::Automatic);
    let back = (of_one(both()).0 + 1) / 2;
    for _ in 0..2 {
        let sold = |item: &BookingItem| item.credited_minor.is_none();
        let item = one_by_one.items_of(booking).into_iter().find(sold).unwrap().id;
        let items = vec![CancelledItem { item, quantity: Some(1) }];
        let command = CancelBooking { items, ..one_by_one.cancel_for(booking, back) };
        one_by_one.run(&command).reply();
        settle_refunds(&mut one_by_one);
    }
    let command = one_by_one.cancel_for(booking, back);
    one_by_one.run(&command).reply();
    let (mut at_once, other, _) = sold(3, Capture::Automatic);
    let command = at_once.cancel_for(other, 3 * back);
    at_once.run(&command).reply();
    settle_refunds(&mut one_by_one);
    settle_refunds(&mut at_once);
    assert_eq!(books(&mut one_by_one), books(&mut at_once));
}

fn settle_refunds(world: &mut TestWorld) {
    for refund in world.all::<Refund>() {
        if refund.provider_ref.is_none() {
            world.send(refund.id, refund.payment);
            world.refund_answer(refund.id, RefundStatus::Succeeded);
        }
    }
}

#[test]
fn a_captured_penalty_owes_its_tax_when_it_arrives() {
    let (mut world, booking, payment) = sold(2, Capture::Manual);
    let (price, tax) = of_one(both());
    let back = (price + 1) / 2;
    let command = world.cancel_for(booking, 2 * back);
    world.run(&command).reply();
    assert!(!world.close_the_books().contains_key("taxes_payable"), "nothing was captured yet");
    let penalty = price - back;
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 2 * penalty });
    let of_penalty = crate::tax::of_kept(penalty, price, tax);
    assert_eq!(books(&mut world), (2 * of_penalty, 2 * (penalty - of_penalty), 0));
}

#[test]
fn money_beyond_the_cost_is_not_taxed() {
    let mut world = TestWorld::new(4);
    world.set_policy(crate::cancellation_policy::CancellationRules::preset(
        crate::cancellation_policy::Preset::Free,
    ));
    set_taxes(&mut world, both());
    let booking = world.reserve(1);
    let (price, _) = of_one(both());
    let payment = recorded(&mut world, booking);
    let command = world.cancel_for(booking, price);
    world.run(&command).reply();
    // A person has it, and gives it back later.
    assert_eq!(books(&mut world), (0, price, 0));
    world.wait(Span::seconds(1));
    let given = give_back(&mut world, payment, None);
    world.run(&given).reply();
    assert_eq!(books(&mut world), (0, price, price));
}

#[test]
fn shares_are_divided_without_the_tax() {
    let mut world = TestWorld::new(4);
    set_taxes(&mut world, both());
    let guide = world.beneficiary(true);
    world.split_with(guide);
    let booking = world.reserve(2);
    let (price, tax) = of_one(both());
    let payment = world.pay(booking);
    world.mark_sent(payment);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 2 * price });
    world.complete(booking);
    world.wait(Span::seconds(3 * 24 * 60 * 60));
    assert_eq!(world.release_now(), 1);
    let released = world.release(booking);
    let net = 2 * (price - tax);
    assert_eq!((released.released_minor, released.platform_minor), (net, net / 10 + 50));
    assert_eq!(books(&mut world), (2 * tax, 0, 0));
}

#[test]
fn a_dispute_takes_no_tax_back() {
    let (mut world, booking, payment) = sold(2, Capture::Automatic);
    world.complete(booking);
    let owed = books(&mut world);
    super::disputes::withdraw(&mut world, payment);
    assert_eq!(books(&mut world), owed, "the bank's decision is not the state's");
}

#[test]
fn a_price_that_cannot_be_paid_with_its_taxes_is_refused() {
    let world = TestWorld::new(1);
    let product: Product = world.get(world.product);
    let steps = crate::provider::TenantProviders {
        names: vec!["stripe".to_owned()],
        amounts: crate::provider::AmountRules(|_, _| {
            Some(crate::provider::AmountRule { min_minor: 1, max_minor: PRICE, step_minor: 1 })
        }),
    };
    let change = crate::commands::ChangeProduct {
        claim: None,
        tenant: product.tenant,
        by: crate::rows::Actor::Person,
        product: product.id,
        name: None,
        description: None,
        active: None,
        metadata: None,
        taxes: Some(vec![rule("VAT", 2_000, true)]),
        units: vec![],
        new_units: vec![],
        providers: steps,
        version: product.version,
        all_units: world.all::<Unit>().iter().map(|unit| unit.id).collect(),
    };
    let mut world = world;
    let added = crate::commands::ChangeProduct { taxes: Some(both()), ..change.clone() };
    assert!(matches!(world.refused(&added), Refusal::AmountIsNotPayable { .. }));
    world.run(&change).reply();
    let taxes = world.get::<Product>(world.product).taxes.0;
    assert_eq!(taxes, [rule("VAT", 2_000, true)]);
}

#[test]
fn the_messages_say_what_is_tax() {
    let (mut world, booking, _) = sold(1, Capture::Automatic);
    world.complete(booking);
    let recognized = world.all::<Message>().into_iter().find(|message| message.kind == "booking.recognized");
    let payload: serde_json::Value = serde_json::from_str(&recognized.unwrap().payload).unwrap();
    let (price, tax) = of_one(both());
    let moved: Money = serde_json::from_value(payload["moved"].clone()).unwrap();
    assert_eq!((moved, payload["tax_minor"].as_i64()), (eur(price), Some(tax)));
    let item: Vec<Tax> = world.items_of(booking)[0].taxes_of_one();
    assert_eq!(crate::tax::sum(&item), tax);
}
