//! The rows of the audit that may be deleted if a setting limits their age.

use std::vec::Vec;

use super::test_world::{PRICE, TestWorld};
use crate::commands::{CancelBooking, CloseEvent, PruneAudit};
use crate::provider::{ProviderStatus, RefundStatus};
use crate::reply::Reply;
use crate::rows::{Audit, Capture, Subject};
use crate::time::Span;
use crate::{EventId, PaymentId};

const KEPT: Span = Span::seconds(400 * 24 * 60 * 60);

/// Whether a row about the subject exists.
fn has(world: &TestWorld, kind: Subject, subject: impl Into<uuid::Uuid>) -> bool {
    let subject = subject.into();
    world.all::<Audit>().iter().any(|row| row.subject_kind == kind && row.subject == subject)
}

fn prune(world: &mut TestWorld) -> usize {
    let rows: Vec<_> = world.all::<Audit>().iter().map(|row| row.id).collect();
    let mut pruned = 0;
    for rows in rows.chunks(crate::limits::IDS_PER_COMMAND_MAX) {
        let Reply::Swept(count) = world.run(&PruneAudit { rows: rows.to_vec(), kept: KEPT }).reply() else {
            panic!("a number of rows")
        };
        pruned += count;
    }
    pruned
}

fn captured(world: &mut TestWorld) -> PaymentId {
    let booking = world.reserve(1);
    let paid = world.pay(booking);
    world.mark_sent(paid);
    let captured = ProviderStatus::Captured { amount_minor: PRICE };
    world.answer(paid, captured.clone());
    world.webhook(paid, captured);
    paid
}

fn closed(world: &mut TestWorld, dead: bool) -> EventId {
    let event = world.record();
    world.run(&CloseEvent { event, why: "why".into(), dead }).reply();
    event
}

#[test]
fn only_what_is_over_and_old_goes() {
    let mut world = TestWorld::new(9);
    let paid = captured(&mut world);
    let refund = world.refund(paid, Some(1));
    let refunding = captured(&mut world);
    let open_refund = world.refund(refunding, Some(1));
    world.refund_answer(refund, RefundStatus::Succeeded);
    let (_, disputed) = world.paid();
    super::disputes::withdraw(&mut world, disputed);
    let dispute = world.all::<crate::rows::Dispute>()[0].id;
    let (authorized_booking, authorized) = world.sent(Capture::Manual);
    world.answer(authorized, ProviderStatus::Authorized { amount_minor: PRICE });
    world.webhook(authorized, ProviderStatus::Authorized { amount_minor: PRICE });
    let cancelled = world.reserve(1);
    let claim = world.claim();
    let cancel = CancelBooking { claim, ..world.cancel_command(cancelled) };
    world.run(&cancel).reply();
    let held = world.reserve(1);
    let (processed, dead) = (closed(&mut world, false), closed(&mut world, true));

    world.wait(KEPT);
    assert_eq!(prune(&mut world), 0, "not before its time");
    world.wait(Span::seconds(60));
    assert!(prune(&mut world) > 0);
    assert!(!has(&world, Subject::Booking, cancelled.0) && !has(&world, Subject::Event, processed.0));
    // The departure is more recent than the age of the rows.
    assert!(has(&world, Subject::Payment, paid.0) && has(&world, Subject::Refund, refund.0));

    world.wait(Span::seconds(8 * 24 * 60 * 60));
    prune(&mut world);
    assert!(!has(&world, Subject::Payment, paid.0) && !has(&world, Subject::Refund, refund.0));
    for (kind, subject) in [
        (Subject::Booking, held.0),
        (Subject::Booking, authorized_booking.0),
        (Subject::Payment, authorized.0),
        (Subject::Payment, refunding.0),
        (Subject::Refund, open_refund.0),
        (Subject::Payment, disputed.0),
        (Subject::Dispute, dispute.0),
        (Subject::Event, dead.0),
        (Subject::Product, world.product.0),
    ] {
        assert!(has(&world, kind, subject), "{kind:?}");
    }
    super::disputes::lose(&mut world, disputed);
    world.wait(KEPT);
    world.wait(Span::seconds(60));
    prune(&mut world);
    assert!(!has(&world, Subject::Payment, disputed.0) && !has(&world, Subject::Dispute, dispute.0));
    // A refund that is seen much later needs none of the deleted rows.
    world.refund_at_provider(paid, "re_late", 100, RefundStatus::Succeeded).reply();
}
