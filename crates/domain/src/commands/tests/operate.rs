//! The commands of operators.

use std::vec;
use uuid::Uuid;

use super::test_store::CommandResult;
use super::test_world::{CLIENT, LIMITED, STRANGER, TENANT, TestWorld};
use crate::commands::{ChangeSettings, PruneReplies, Reserve, ResolveReview, SettingsChange};
use crate::provider::ProviderStatus;
use crate::reply::Reply;
use crate::rows::{Client, Key, LateMoney, Review, Settings, Tenant};
use crate::time::Span;
use crate::{ClientId, Refusal, ReviewId};

#[test]
fn settings_are_changed_for_the_tenant_and_its_own_clients() {
    let mut world = TestWorld::new(1);
    let settings = SettingsChange { hold_seconds: Some(60), ..SettingsChange::default() };
    let command = ChangeSettings {
        tenant: TENANT,
        client: CLIENT,
        claim: None,
        settings,
        held_seats_max: vec![(LIMITED, Some(9))],
    };
    world.run(&command).reply();
    assert_eq!(world.get::<Tenant>(TENANT).settings.0.hold_seconds, 60);
    assert_eq!(world.get::<Client>(LIMITED).held_seats_max, Some(9));
    let unknown = vec![(LIMITED, None), (ClientId(Uuid::nil()), None)];
    let refused = ChangeSettings { held_seats_max: unknown, ..command.clone() };
    assert_eq!(world.refused(&refused), Refusal::ClientNotFound);
    let foreign: Client = world.get(LIMITED);
    world.set(&Client { tenant: STRANGER, ..foreign });
    assert_eq!(world.refused(&command), Refusal::ClientNotFound);
}

/// Both requests read the same settings.
#[test]
fn what_is_not_named_stays() {
    let mut world = TestWorld::new(1);
    let change = |settings| ChangeSettings {
        tenant: TENANT,
        client: CLIENT,
        claim: None,
        settings,
        held_seats_max: vec![],
    };
    let none = SettingsChange::default;
    for settings in [
        SettingsChange { seats_held_per_customer_max: Some(None), ..none() },
        SettingsChange { late_money: Some(LateMoney::Refund), ..none() },
        SettingsChange { hold_seconds: Some(5), ..none() },
        SettingsChange { hold_seconds_max: Some(50), ..none() },
        none(),
    ] {
        world.run(&change(settings)).reply();
    }
    let tenant: Tenant = world.get(TENANT);
    let expected = Settings {
        late_money: LateMoney::Refund,
        seats_held_per_customer_max: None,
        hold_seconds: 5,
        hold_seconds_max: 50,
    };
    assert_eq!((tenant.settings.0, tenant.version), (expected, 6));
}

/// A person closes a case.
pub fn resolution(case: &Review) -> ResolveReview {
    ResolveReview {
        tenant: TENANT,
        client: CLIENT,
        claim: None,
        review: case.id,
        attempt: case.attempt,
        resolution: "it was ours".into(),
        person: None,
    }
}

fn hold(hold_seconds: Option<i64>, hold_seconds_max: Option<i64>) -> ChangeSettings {
    ChangeSettings {
        tenant: TENANT,
        client: CLIENT,
        claim: None,
        settings: SettingsChange { hold_seconds, hold_seconds_max, ..SettingsChange::default() },
        held_seats_max: vec![],
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let check =
        |seconds: Option<i64>, seconds_max: Option<i64>, refused: Option<(&'static str, i64, i64)>| {
            let mut world = TestWorld::new(1);
            world.set_settings(|settings| (settings.hold_seconds, settings.hold_seconds_max) = (900, 3_600));
            let change = hold(seconds, seconds_max);
            match refused {
                None => drop(world.run(&change).reply()),
                Some((setting, hold_seconds, hold_seconds_max)) => assert_eq!(
                    world.refused(&change),
                    Refusal::SettingsContradictEachOther { setting, hold_seconds, hold_seconds_max }
                ),
            }
            // After any of these changes seats can be sold.
            world.reserve(1);
        };
    check(None, Some(900), None);
    check(None, Some(899), Some(("hold_seconds_max", 900, 899)));
    check(Some(3_600), None, None);
    check(Some(3_601), None, Some(("hold_seconds", 3_601, 3_600)));
    check(Some(60), Some(60), None);
    check(Some(61), Some(60), Some(("hold_seconds", 61, 60)));
    check(Some(5_000), Some(6_000), None);
}

/// Settings that a version without that rule stored.
#[test]
fn a_default_above_the_longest_hold_stops_no_sale() {
    let mut world = TestWorld::new(9);
    world.set_settings(|settings| (settings.hold_seconds, settings.hold_seconds_max) = (900, 60));
    let command = world.reserve_command(1);
    let Reply::Booking(held) = world.run(&command).reply() else { panic!("a booking was made") };
    assert_eq!(held.booking.hold_expires_at, world.now.plus(Span::seconds(60)));
    let longer = Reserve { hold_seconds: Some(61), ..world.reserve_command(1) };
    assert_eq!(world.refused(&longer), Refusal::HoldIsTooLong { seconds_max: 60 });
    // Other settings can still be changed.
    let settings = SettingsChange { late_money: Some(LateMoney::Refund), ..SettingsChange::default() };
    world.run(&ChangeSettings { settings, ..hold(None, None) }).reply();
    world.run(&hold(Some(60), None)).reply();
}

#[test]
fn a_review_is_resolved_once_and_by_its_tenant() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    world.webhook(payment, ProviderStatus::Cancelled);
    let command = resolution(&world.reviews()[0]);
    let foreign = ResolveReview { tenant: STRANGER, ..command.clone() };
    assert_eq!(world.refused(&foreign), Refusal::ReviewNotFound);
    let unknown = ResolveReview { review: ReviewId(Uuid::nil()), ..command.clone() };
    assert_eq!(world.refused(&unknown), Refusal::ReviewNotFound);
    world.run(&command).reply();
    assert!(world.reviews().is_empty());
    assert!(matches!(world.refused(&command), Refusal::StateDoesNotAllowIt { .. }));
}

/// The reply is pruned, and the operation is never repeated.
#[test]
fn a_pruned_key_does_nothing_again() {
    let mut world = TestWorld::new(9);
    let done = world.reserve_command(1);
    world.run(&done).reply();
    let booking = world.reserve(1);
    let open = world.pay_command(booking);
    world.start(&open);
    world.wait(Span::seconds(1));
    let keys = world.all::<Key>().iter().map(|key| key.id).collect();
    let young = PruneReplies { keys, kept: Span::seconds(2) };
    assert!(matches!(world.run(&young).reply(), Reply::Swept(0)));
    let prune = PruneReplies { kept: Span::millis(500), ..young };
    assert!(matches!(world.run(&prune).reply(), Reply::Swept(2)), "one is in flight");
    assert!(matches!(world.run(&prune).reply(), Reply::Swept(0)));
    assert!(matches!(world.run(&done), CommandResult::Expired));
    assert!(matches!(world.run(&open), CommandResult::InFlight));
}
