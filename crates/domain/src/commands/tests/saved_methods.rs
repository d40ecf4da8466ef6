//! Payment methods that are saved for a customer, and charged while the customer is absent.

use alloc::string::String;

use super::provider_model::failure;
use super::test_world::{TENANT, TestWorld, account};
use crate::commands::{MethodUse, PaymentTarget, RecordProviderCustomer, StartPayment};
use crate::ids::{AccountId, CustomerId, ProviderCustomerId};
use crate::lifecycle::payment;
use crate::provider::{Observation, ProviderStatus};
use crate::rows::{Booking, NextAction, Payment, PaymentRoute, ProviderCustomer};
use crate::{BookingId, Currency, Money, PaymentId, Refusal};

const SAVES: MethodUse = MethodUse { customer: None, saves: true, off_session: false };
const ABSENT: MethodUse = MethodUse { customer: None, saves: false, off_session: true };

fn of_booking(world: &mut TestWorld, method_use: MethodUse) -> (BookingId, StartPayment) {
    let booking = world.reserve(2);
    (booking, StartPayment { method_use, ..world.pay_command(booking) })
}

fn of_reference(world: &mut TestWorld, reference: &str, method_use: MethodUse) -> StartPayment {
    let customer = Some(CustomerId::of_reference(TENANT, reference));
    let amount = Money::new(700, Currency::EUR);
    let target = PaymentTarget::Amount { amount, reference: None };
    let method_use = MethodUse { customer, ..method_use };
    StartPayment { target, method_use, ..world.pay_command(BookingId(uuid::Uuid::nil())) }
}

fn record(world: &mut TestWorld, customer: CustomerId, version: i64, object: Option<&str>) {
    let object = object.map(Into::into);
    let command = RecordProviderCustomer { tenant: TENANT, account: account(), customer, version, object };
    // It is never refused.
    world.run(&command).reply();
}

fn known(world: &TestWorld, customer: CustomerId) -> (Option<String>, i64) {
    let row: ProviderCustomer = world.get(ProviderCustomerId::of(account(), customer));
    (row.object, row.version)
}

fn seen(world: &TestWorld, payment: PaymentId, saved: Option<&str>) -> Observation {
    let amount_minor = world.get::<Payment>(payment).amount_minor;
    let status = ProviderStatus::Captured { amount_minor };
    Observation { saved_method: saved.map(Into::into), ..world.seen(payment, status) }
}

#[test]
fn a_reference_names_one_customer_and_an_address_the_bookings() {
    let of = |reference: &str| CustomerId::of_reference(TENANT, reference);
    assert_eq!(of("Ana@Example.com "), CustomerId::of(TENANT, "ana@example.com"));
    assert_ne!(of("Member-1"), of("member-1"), "two references may be two people");
    assert_ne!(of("member-1"), CustomerId::of(TENANT, "member-1"), "a reference is no address");
}

#[test]
fn what_was_saved_is_in_the_payment_that_saved_it() {
    let check = |method_use: MethodUse, saved: Option<&str>, expected: Option<&str>| {
        let mut world = TestWorld::new(9);
        let (booking, command) = of_booking(&mut world, method_use);
        let customer = world.get::<Booking>(booking).customer;
        let payment = world.start(&command);
        let row: Payment = world.get(payment);
        assert_eq!(row.customer, method_use.saves.then_some(customer));
        assert!(world.mark_sent(payment));
        for saved in [saved, None, Some("pm_late")] {
            let seen = seen(&world, payment, saved);
            let command = world.event_command(payment, seen);
            world.run(&command).reply();
        }
        let row: Payment = world.get(payment);
        assert_eq!((*row.state, row.saved_method.as_deref()), (payment::State::Captured, expected));
    };
    check(SAVES, Some("pm_1"), Some("pm_1"));
    check(SAVES, None, Some("pm_late"));
    check(MethodUse::default(), Some("pm_1"), None);
}

#[test]
fn an_absent_customer_is_charged_only_once_something_was_saved() {
    let mut world = TestWorld::new(9);
    let (booking, absent) = of_booking(&mut world, ABSENT);
    assert_eq!(world.refused(&absent), Refusal::CustomerHasNoSavedMethod);
    let customer = world.get::<Booking>(booking).customer;
    record(&mut world, CustomerId::of_reference(TENANT, "somebody else"), 0, Some("cus_2"));
    assert_eq!(world.refused(&absent), Refusal::CustomerHasNoSavedMethod);
    record(&mut world, customer, 0, Some("cus_1"));
    let payment = world.start(&absent);
    let row: Payment = world.get(payment);
    assert_eq!((row.customer, row.off_session), (Some(customer), true));

    let by_address = of_reference(&mut world, "ana@example.com", ABSENT);
    world.start(&by_address);
    let by_reference = of_reference(&mut world, "member-1", ABSENT);
    assert_eq!(world.refused(&by_reference), Refusal::CustomerHasNoSavedMethod);
    let (version, lost) = (1, None);
    record(&mut world, customer, version, lost);
    let by_address = of_reference(&mut world, "ana@example.com", ABSENT);
    assert_eq!(world.refused(&by_address), Refusal::CustomerHasNoSavedMethod);
}

/// The provider takes a saved method only together with its customer.
#[test]
fn a_present_customer_may_pay_with_what_was_saved() {
    let mut world = TestWorld::new(9);
    let (booking, command) = of_booking(&mut world, MethodUse::default());
    let customer = world.get::<Booking>(booking).customer;
    let before = world.start(&command);
    assert_eq!(world.get::<Payment>(before).customer, None);
    record(&mut world, customer, 0, Some("cus_1"));
    let (_, command) = of_booking(&mut world, MethodUse::default());
    let after = world.start(&command);
    assert_eq!(world.get::<Payment>(after).customer, Some(customer));
}

/// Two workers made a customer each: the first that was committed is used by both.
#[test]
fn a_customer_at_the_provider_changes_only_as_it_was_read() {
    let mut world = TestWorld::new(9);
    let customer = CustomerId::of_reference(TENANT, "member-1");
    let mut check = |version: i64, object: Option<&str>, expected: (Option<&str>, i64)| {
        record(&mut world, customer, version, object);
        let (object, version) = known(&world, customer);
        assert_eq!((object.as_deref(), version), expected);
    };
    check(0, Some("cus_1"), (Some("cus_1"), 1));
    check(0, Some("cus_2"), (Some("cus_1"), 1));
    check(0, None, (Some("cus_1"), 1));
    check(1, None, (None, 2));
    check(1, Some("cus_1"), (None, 2));
    check(2, Some("cus_3"), (Some("cus_3"), 3));
}

#[test]
fn nobody_is_shown_what_an_absent_customer_would_have_to_do() {
    let mut world = TestWorld::new(9);
    let (booking, absent) = of_booking(&mut world, ABSENT);
    let customer = world.get::<Booking>(booking).customer;
    record(&mut world, customer, 0, Some("cus_1"));
    let payment = world.start(&absent);
    assert!(world.mark_sent(payment));
    let asks = || ProviderStatus::NeedsAction(NextAction::Redirect { url: "https://bank.example/".into() });
    world.webhook(payment, asks());
    let row: Payment = world.get(payment);
    assert_eq!((*row.state, row.next_action), (payment::State::Pending, None));
    world.record_decline(payment, failure("authentication_required", true));
    world.fetched(payment, ProviderStatus::Cancelled);
    let row: Payment = world.get(payment);
    assert_eq!(*row.state, payment::State::Failed);
    assert_eq!(row.failure.unwrap().0.code, "authentication_required");
    assert_eq!(world.get::<Booking>(booking).open_payment, None);
    world.close_the_books();
}

/// Each account has customers and saved methods of its own.
#[test]
fn a_payment_that_goes_on_elsewhere_saves_there() {
    let elsewhere = AccountId::of("stripe", "other");
    let payment = {
        let mut world = TestWorld::new(9);
        let (_, command) = of_booking(&mut world, SAVES);
        let payment = world.start(&command);
        Payment { saved_method: Some("pm_1".into()), ..world.get(payment) }
    };
    let route = PaymentRoute {
        account: elsewhere,
        provider: "stripe".into(),
        payment_method: "pm_other".into(),
        brand: None,
    };
    let next = payment.continued(PaymentId(uuid::Uuid::from_u128(7)), route, payment.created_at);
    assert_eq!((next.customer, next.saves_method, next.saved_method), (payment.customer, true, None));
}
