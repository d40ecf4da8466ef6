//! Which rows of the audit may be let go, where a setting says for how long they are kept.

use std::vec::Vec;

use super::shop::{PRICE, Shop};
use crate::commands::{CancelHold, CloseEvent, PruneAudit};
use crate::provider::{ProviderStatus, RefundStatus};
use crate::reply::Reply;
use crate::rows::{Audit, Capture, Subject};
use crate::time::Span;
use crate::{EventId, PaymentId};

const KEPT: Span = Span::seconds(400 * 24 * 60 * 60);

/// Whether some row about it is there.
fn has(shop: &Shop, kind: Subject, subject: impl Into<uuid::Uuid>) -> bool {
    let subject = subject.into();
    shop.all::<Audit>().iter().any(|row| row.subject_kind == kind && row.subject == subject)
}

fn prune(shop: &mut Shop) -> usize {
    let rows: Vec<_> = shop.all::<Audit>().iter().map(|row| row.id).collect();
    let mut pruned = 0;
    for rows in rows.chunks(crate::limits::IDS_PER_COMMAND_MAX) {
        let Reply::Swept(count) = shop.run(&PruneAudit { rows: rows.to_vec(), kept: KEPT }).reply() else {
            panic!("it says how many")
        };
        pruned += count;
    }
    pruned
}

fn captured(shop: &mut Shop) -> PaymentId {
    let booking = shop.reserve(1);
    let paid = shop.pay(booking);
    shop.mark_sent(paid);
    let captured = ProviderStatus::Captured { amount_minor: PRICE };
    shop.answer(paid, captured.clone());
    shop.webhook(paid, captured);
    paid
}

fn closed(shop: &mut Shop, dead: bool) -> EventId {
    let event = shop.record();
    shop.run(&CloseEvent { event, why: "why".into(), dead }).reply();
    event
}

#[test]
fn only_what_is_over_and_old_goes() {
    let mut shop = Shop::new(9);
    let paid = captured(&mut shop);
    let refund = shop.refund(paid, Some(1));
    let refunding = captured(&mut shop);
    let open_refund = shop.refund(refunding, Some(1));
    shop.refund_answer(refund, RefundStatus::Succeeded);
    let (authorized_booking, authorized) = shop.sent(Capture::Manual);
    shop.answer(authorized, ProviderStatus::Authorized { amount_minor: PRICE });
    shop.webhook(authorized, ProviderStatus::Authorized { amount_minor: PRICE });
    let cancelled = shop.reserve(1);
    let claim = shop.claim();
    shop.run(&CancelHold { claim, booking: cancelled }).reply();
    let held = shop.reserve(1);
    let (processed, dead) = (closed(&mut shop, false), closed(&mut shop, true));

    shop.wait(KEPT);
    assert_eq!(prune(&mut shop), 0, "not before its time");
    shop.wait(Span::seconds(60));
    assert!(prune(&mut shop) > 0);
    assert!(!has(&shop, Subject::Booking, cancelled.0) && !has(&shop, Subject::Event, processed.0));
    // It departed less long ago than rows are kept.
    assert!(has(&shop, Subject::Payment, paid.0) && has(&shop, Subject::Refund, refund.0));

    shop.wait(Span::seconds(8 * 24 * 60 * 60));
    prune(&mut shop);
    assert!(!has(&shop, Subject::Payment, paid.0) && !has(&shop, Subject::Refund, refund.0));
    for (kind, subject) in [
        (Subject::Booking, held.0),
        (Subject::Booking, authorized_booking.0),
        (Subject::Payment, authorized.0),
        (Subject::Payment, refunding.0),
        (Subject::Refund, open_refund.0),
        (Subject::Event, dead.0),
        (Subject::Product, shop.product.0),
    ] {
        assert!(has(&shop, kind, subject), "{kind:?}");
    }
    // A refund seen much later needs none of what went.
    shop.refund_at_provider(paid, "re_late", 100, RefundStatus::Succeeded).reply();
}
