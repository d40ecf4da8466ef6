//! The end of an authorisation: it is stored, the tenant is warned, and without news it is looked up.

use std::vec::Vec;

use super::payments::{AUTHORIZED, CAPTURED};
use super::test_world::{LEASE, RECHECK, TestWorld};
use crate::commands::{CheckAuthorizations, ClaimJobs, FinishJob, ObservedBy, Settle};
use crate::ids::JobId;
use crate::jobs::{CHECK_AUTHORIZATION, JobKinds};
use crate::lifecycle::{job, payment};
use crate::limits::{
    AUTHORIZATION_LOOKED_UP_EVERY, CAPTURE_BEFORE_AWAITED, LAPSE_AWAITED, OPERATION_DEADLINE_SECONDS,
};
use crate::provider::{ProviderStatus, Source};
use crate::rows::{Capture, Job, Message, Payment};
use crate::time::{Span, Timestamp};
use crate::{PaymentId, Reply};

const DAY: Span = Span::seconds(24 * 60 * 60);

/// An authorised payment that ends after this time, if that is known.
fn authorized(world: &mut TestWorld, lasts: Option<Span>) -> PaymentId {
    let (_, payment) = world.sent(Capture::Manual);
    let mut seen = world.seen(payment, AUTHORIZED);
    seen.capture_before = lasts.map(|lasts| world.now.plus(lasts));
    let event = world.event_command(payment, seen);
    world.run(&event).reply();
    payment
}

fn check(world: &mut TestWorld, payment: PaymentId) -> usize {
    let check = CheckAuthorizations { payments: [payment].into(), warned_before: DAY };
    let Reply::Swept(checked) = world.run(&check).reply() else { panic!("it is a sweep") };
    checked
}

fn due_at(world: &TestWorld, payment: PaymentId) -> Option<Timestamp> {
    world.get::<Payment>(payment).authorization_due_at
}

fn warnings(world: &TestWorld) -> usize {
    let is_warning = |message: &&Message| message.kind == "payment.authorization_expiring";
    world.all::<Message>().iter().filter(is_warning).count()
}

fn look_ups(world: &TestWorld) -> Vec<Job> {
    world.all::<Job>().into_iter().filter(|job| job.kind == CHECK_AUTHORIZATION.name).collect()
}

#[test]
fn the_tenant_is_warned_once_and_then_the_end_is_awaited() {
    let mut world = TestWorld::new(9);
    let payment = authorized(&mut world, Some(Span(DAY.0 * 7)));
    let ends_at = world.now.plus(Span(DAY.0 * 7));
    assert_eq!(world.get::<Payment>(payment).capture_before, Some(ends_at));
    assert_eq!((check(&mut world, payment), check(&mut world, payment)), (1, 0), "it is due once");
    assert_eq!(due_at(&world, payment), Some(ends_at.minus(DAY)));
    world.now = ends_at.minus(DAY);
    assert_eq!((warnings(&world), check(&mut world, payment), warnings(&world)), (0, 1, 1));
    assert_eq!(due_at(&world, payment), Some(ends_at.plus(LAPSE_AWAITED)));
    // The provider shows a later end: the tenant is not warned again.
    let mut seen = world.seen(payment, AUTHORIZED);
    seen.capture_before = Some(ends_at.plus(Span::seconds(60)));
    let event = world.event_command(payment, seen);
    world.run(&event).reply();
    for _ in 0..2 {
        assert_eq!((check(&mut world, payment), warnings(&world)), (1, 1));
        world.wait(Span::seconds(60));
    }
    assert!(look_ups(&world).is_empty());
}

#[test]
fn without_news_the_object_is_looked_up_and_settles_the_payment() {
    let mut world = TestWorld::new(9);
    let payment = authorized(&mut world, Some(Span::seconds(60)));
    check(&mut world, payment);
    world.wait(Span(Span::seconds(60).0 + LAPSE_AWAITED.0));
    assert_eq!(check(&mut world, payment), 1);
    assert_eq!(due_at(&world, payment), Some(world.now.plus(AUTHORIZATION_LOOKED_UP_EVERY)));
    let [job] = look_ups(&world).try_into().unwrap();
    world.run(&ClaimJobs { jobs: [job.id].into(), kinds: JobKinds::default(), lease: LEASE, alone: false });
    let settle = Settle {
        by: ObservedBy::LookUp { job: job.id, token: 1 },
        payment,
        attempt: payment.into(),
        observation: world.seen(payment, ProviderStatus::Cancelled),
        source: Source::Fetched,
        refused: None,
        recheck: RECHECK,
        deadline: Span::seconds(OPERATION_DEADLINE_SECONDS),
    };
    let of_another = Settle { by: ObservedBy::LookUp { job: job.id, token: 9 }, ..settle.clone() };
    assert_eq!(world.run(&of_another).refusal(), crate::Refusal::LeaseLost);
    world.run(&settle).reply();
    world.run(&FinishJob { job: job.id, token: 1 }).reply();
    assert_eq!(world.payment_is(payment), payment::State::Lapsed);
    assert_eq!(*world.get::<Job>(JobId(job.id.0)).state, job::State::Done);
    assert_eq!((due_at(&world, payment), check(&mut world, payment)), (None, 0));
    let messages: Vec<_> = world.all::<Message>().into_iter().map(|message| message.kind).collect();
    for kind in ["payment.lapsed", "booking.unsecured"] {
        assert_eq!(messages.iter().filter(|found| *found == kind).count(), 1, "{kind}: {messages:?}");
    }
    assert_eq!(world.reviews().len(), 1);
}

#[test]
fn an_unknown_end_is_looked_up() {
    let mut world = TestWorld::new(9);
    let payment = authorized(&mut world, None);
    assert_eq!(due_at(&world, payment), Some(world.now.plus(CAPTURE_BEFORE_AWAITED)));
    assert_eq!(check(&mut world, payment), 0, "a reply may show it");
    world.wait(CAPTURE_BEFORE_AWAITED);
    assert_eq!((check(&mut world, payment), look_ups(&world).len(), warnings(&world)), (1, 1, 0));
    assert_eq!(due_at(&world, payment), Some(world.now.plus(AUTHORIZATION_LOOKED_UP_EVERY)));
}

#[test]
fn only_an_authorization_is_checked() {
    for status in [CAPTURED, ProviderStatus::Cancelled] {
        let mut world = TestWorld::new(9);
        let payment = authorized(&mut world, Some(DAY));
        world.webhook(payment, status.clone());
        world.wait(Span(DAY.0 * 2));
        assert_eq!((due_at(&world, payment), check(&mut world, payment)), (None, 0), "{status:?}");
    }
}
