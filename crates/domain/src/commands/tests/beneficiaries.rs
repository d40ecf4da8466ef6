//! Changes of beneficiaries, and what becomes of their payouts.

use std::string::String;
use std::vec::Vec;

use super::payouts::{DAYS, paid};
use super::test_world::{CLIENT, TENANT, TestWorld, account};
use crate::commands::{BeneficiaryTransfer, ChangeBeneficiary};
use crate::rows::{Actor, Audit, Beneficiary, Mode, Payout, PayoutMethod};
use crate::split::{Portion, Share, SplitRule};
use crate::{BeneficiaryId, BookingId, PayoutId, Refusal};

fn change(beneficiary: BeneficiaryId) -> ChangeBeneficiary {
    ChangeBeneficiary {
        claim: None,
        tenant: TENANT,
        by: Actor::Client(CLIENT),
        mode: Mode::Test,
        beneficiary,
        name: None,
        transfer: None,
        metadata: None,
        active: None,
    }
}

fn released(world: &mut TestWorld, booking: BookingId, beneficiary: BeneficiaryId) -> Payout {
    world.complete(booking);
    world.wait(DAYS);
    let due = world.due();
    assert_eq!(world.release_due(due), 1);
    world.payout(PayoutId::of(booking, beneficiary))
}

fn audited(world: &TestWorld) -> Vec<String> {
    let changes = world.all::<Audit>().into_iter().filter(|row| row.action == "beneficiary_changed");
    changes.filter_map(|row| row.why).collect()
}

#[test]
fn scheduled_payouts_keep_their_destination_and_later_ones_have_the_new_one() {
    let (mut world, booking, _, id) = paid(true);
    let before = released(&mut world, booking, id);
    let to = BeneficiaryTransfer::To(account(), "acct_new".into());
    world.run(&ChangeBeneficiary { transfer: Some(to), name: Some("Ana".into()), ..change(id) }).reply();
    assert_eq!(world.payout(before.id), before, "what is scheduled stays");
    let row: Beneficiary = world.get(id);
    assert_eq!((row.name.as_str(), row.destination.as_deref()), ("Ana", Some("acct_new")));
    assert_eq!((row.version, row.method), (2, PayoutMethod::Transfer));
    assert_eq!(audited(&world), ["name, destination"]);

    let (mut world, booking, _, id) = paid(true);
    let to = BeneficiaryTransfer::To(account(), "acct_new".into());
    world.run(&ChangeBeneficiary { transfer: Some(to), ..change(id) }).reply();
    assert_eq!(released(&mut world, booking, id).destination.as_deref(), Some("acct_new"));

    let (mut world, booking, _, id) = paid(true);
    world.run(&ChangeBeneficiary { transfer: Some(BeneficiaryTransfer::Manual), ..change(id) }).reply();
    let payout = released(&mut world, booking, id);
    assert_eq!((payout.method, payout.account, payout.destination), (PayoutMethod::Manual, None, None));
    assert_eq!(audited(&world), ["method, destination"]);
}

#[test]
fn an_inactive_one_gets_no_new_rule_and_a_person_pays_what_is_released() {
    let (mut world, booking, _, id) = paid(true);
    world.run(&ChangeBeneficiary { active: Some(false), ..change(id) }).reply();
    let split = SplitRule {
        platform_fee: Portion::default(),
        shares: [Share { beneficiary: id, portion: Portion::default() }].into(),
        remainder: None,
        release_after_days: 0,
    };
    let command = world.set_split_command(Some(split.clone()));
    assert_eq!(world.refused(&command), Refusal::BeneficiaryIsInactive { beneficiary: id.0 });
    let payout = released(&mut world, booking, id);
    assert_eq!((payout.method, payout.account, payout.destination), (PayoutMethod::Manual, None, None));
    assert!(world.find::<crate::rows::Job>(payout.id).is_none(), "no worker pays it");

    world.run(&ChangeBeneficiary { active: Some(true), ..change(id) }).reply();
    let command = world.set_split_command(Some(split));
    world.run(&command).reply();
    assert_eq!(audited(&world), ["active", "active"]);
}

#[test]
fn a_change_of_nothing_changes_nothing_and_foreign_ones_are_unknown() {
    let (mut world, _, _, id) = paid(true);
    let before: Beneficiary = world.get(id);
    world
        .run(&ChangeBeneficiary { active: Some(true), name: Some(before.name.clone()), ..change(id) })
        .reply();
    assert_eq!(world.get::<Beneficiary>(id), before);
    assert!(audited(&world).is_empty());
    let missing = Refusal::BeneficiaryNotFound { beneficiary: id.0 };
    assert_eq!(world.refused(&ChangeBeneficiary { mode: Mode::Live, ..change(id) }), missing);
    let other = crate::AccountId(uuid::Uuid::from_u128(77));
    let to = Some(BeneficiaryTransfer::To(other, "acct_new".into()));
    assert_eq!(world.refused(&ChangeBeneficiary { transfer: to, ..change(id) }), Refusal::AccountNotFound);
}
