//! Prune the audit: rows about subjects that have ended, if the rows are older than the setting allows.
//!
//! | a row about | may be deleted once |
//! |---|---|
//! | a booking | it is completed, cancelled or a no-show; confirmed or expired, once its departures are as old as the row must be |
//! | a payment | its state is final, nothing is under way, and the same holds for its booking |
//! | a refund | it succeeded, failed or was written off, and the same holds for its payment |
//! | an event, a job, a delivery | it is neither waiting nor dead, or is deleted itself |
//! | an API key | it was revoked as long ago |
//! | a product, a slot, a tenant | never: they have no end, and the rows are few |
//!
//! The query that finds the rows also leaves out subjects with an open review case, because cases cannot be
//! loaded by their subject. A case that is opened in the meantime has a new row of its own.

use alloc::vec::Vec;
use uuid::Uuid;

use crate::commands::draft::{Draft, Origin};
use crate::ids::{
    ApiKeyId, AuditId, BookingId, DifferenceId, DisputeId, EventId, InboxId, JobId, PaymentId, PayoutId,
    ReconciliationId, RefundId, ReleaseId, TenantId,
};
use crate::lifecycle::{
    State as _, booking, delivery, difference, inbound_event, job, payout, reconciliation, refund,
};
use crate::reply::Reply;
use crate::rows::{Actor, Audit, Facts, Needs, Payment, Subject};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct PruneAudit {
    /// At most [`crate::limits::IDS_PER_COMMAND_MAX`] rows, the oldest of a subject first.
    pub rows: Vec<AuditId>,
    /// The least age of a deleted row, by the clock that stamped the row.
    pub kept: Span,
}

impl Command for PruneAudit {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let mut complete = Some(());
        for row in &self.rows {
            let needed = rows.audit_row(*row).and_then(|row| need_subject(row, rows));
            complete = complete.and(needed);
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let before = context.now.minus(self.kept);
        let mut pruned = 0;
        for row in self.rows.iter().filter_map(|id| facts.audit.get(*id)) {
            if row.at < before && subject_is_over(row, facts, before) {
                pruned += 1;
                draft.remove::<Audit>(row.id);
            }
        }
        Ok(draft.reply(Reply::Swept(pruned)))
    }
}

fn need_subject(row: &Audit, rows: &mut Needs<'_>) -> Option<()> {
    let id = row.subject;
    match row.subject_kind {
        Subject::Booking => need_booking(BookingId(id), rows),
        Subject::Payment => need_payment(PaymentId(id), rows),
        Subject::Refund => {
            let payment = rows.refund(RefundId(id))?.payment;
            need_payment(payment, rows)
        }
        Subject::Dispute => {
            let payment = rows.dispute(DisputeId(id))?.payment;
            need_payment(payment, rows)
        }
        Subject::Payout => {
            let booking = rows.payout(PayoutId(id))?.booking;
            need_booking(booking, rows)
        }
        Subject::Release => {
            rows.release(ReleaseId(id));
            need_booking(BookingId(id), rows)
        }
        Subject::Event => {
            rows.inbound_event(EventId(id));
            Some(())
        }
        Subject::Job => {
            rows.job(JobId(id));
            Some(())
        }
        Subject::Delivery => {
            rows.delivery(InboxId(id));
            Some(())
        }
        Subject::ApiKey => {
            rows.api_key(ApiKeyId(id));
            Some(())
        }
        Subject::Reconciliation => {
            rows.reconciliation(ReconciliationId(id));
            Some(())
        }
        Subject::Difference => {
            rows.difference(DifferenceId(id));
            Some(())
        }
        Subject::Product
        | Subject::Slot
        | Subject::Resource
        | Subject::Schedule
        | Subject::Tenant
        | Subject::Beneficiary
        | Subject::Customer => Some(()),
    }
}

fn need_payment(id: PaymentId, rows: &mut Needs<'_>) -> Option<()> {
    match rows.payment(id)?.booking {
        Some(booking) => need_booking(booking, rows),
        None => Some(()),
    }
}

fn need_booking(id: BookingId, rows: &mut Needs<'_>) -> Option<()> {
    let items = rows.booking_items(id);
    rows.booking(id)?;
    for item in items? {
        rows.slot(item.slot);
    }
    Some(())
}

fn subject_is_over(row: &Audit, facts: &Facts, before: Timestamp) -> bool {
    let id: Uuid = row.subject;
    match row.subject_kind {
        Subject::Booking => booking_is_over(BookingId(id), facts, before),
        Subject::Payment => {
            facts.payments.get(PaymentId(id)).is_some_and(|payment| payment_is_over(payment, facts, before))
        }
        Subject::Refund => facts.refunds.get(RefundId(id)).is_some_and(|refund| {
            let ended = matches!(
                *refund.state,
                refund::State::Succeeded | refund::State::WrittenOff | refund::State::Failed
            );
            let payment = facts.payments.get(refund.payment);
            ended && payment.is_some_and(|payment| payment_is_over(payment, facts, before))
        }),
        Subject::Dispute => facts.disputes.get(DisputeId(id)).is_some_and(|dispute| {
            let payment = facts.payments.get(dispute.payment);
            dispute.state.is_final() && payment.is_some_and(|payment| payment_is_over(payment, facts, before))
        }),
        Subject::Payout => facts.payouts.get(PayoutId(id)).is_some_and(|payout| {
            let ended = matches!(*payout.state, payout::State::Paid | payout::State::Returned);
            ended && !payout.is_being_reversed() && booking_is_over(payout.booking, facts, before)
        }),
        Subject::Release => facts.releases.get(ReleaseId(id)).is_some_and(|release| {
            release.state.is_final() && booking_is_over(release.booking, facts, before)
        }),
        Subject::Event => facts.inbound_events.get(EventId(id)).is_none_or(|event| {
            matches!(*event.state, inbound_event::State::Processed | inbound_event::State::Ignored)
        }),
        Subject::Job => facts.jobs.get(JobId(id)).is_none_or(|job| job.state.is(job::State::Done)),
        Subject::Delivery => facts.inbox.get(InboxId(id)).is_none_or(|delivery| {
            matches!(*delivery.state, delivery::State::Received | delivery::State::Discarded)
        }),
        Subject::ApiKey => {
            facts.api_keys.get(ApiKeyId(id)).is_some_and(|key| key.revoked_at.is_some_and(|at| at < before))
        }
        Subject::Reconciliation => facts
            .reconciliations
            .get(ReconciliationId(id))
            .is_none_or(|run| !run.state.is(reconciliation::State::Running)),
        Subject::Difference => facts
            .differences
            .get(DifferenceId(id))
            .is_none_or(|difference| !difference.state.is(difference::State::Open)),
        Subject::Product
        | Subject::Slot
        | Subject::Resource
        | Subject::Schedule
        | Subject::Tenant
        | Subject::Beneficiary
        | Subject::Customer => false,
    }
}

fn payment_is_over(payment: &Payment, facts: &Facts, before: Timestamp) -> bool {
    let ended = payment.state.is_final() && payment.active.is_none() && payment.refunding_minor == 0;
    let ended = ended && payment.open_disputes == 0;
    ended && payment.booking.is_none_or(|booking| booking_is_over(booking, facts, before))
}

fn booking_is_over(id: BookingId, facts: &Facts, before: Timestamp) -> bool {
    let Some(booking) = facts.bookings.get(id) else { return false };
    let departed = || {
        let mut items = facts.booking_items.owned_by(booking.id);
        items.all(|item| facts.slots.get(item.slot).is_some_and(|slot| slot.starts_at < before))
    };
    let ended = match *booking.state {
        booking::State::Held => false,
        // Late money may still arrive, and the tenant may void the payment that secured the booking.
        booking::State::Expired | booking::State::Confirmed => departed(),
        booking::State::Completed | booking::State::NoShow | booking::State::Cancelled => true,
    };
    ended && booking.open_payment.is_none()
}
