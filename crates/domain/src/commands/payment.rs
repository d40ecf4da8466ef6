//! Payments: start, capture, void and refund them, and settle what a provider reports of them.
//!
//! A command that needs a provider only writes the payment, the attempt, and the job that makes the
//! calls. The key stays in flight until a worker or a webhook settles the attempt.

mod answer;
mod audit_method_removal;
mod book;
mod check_authorizations;
mod continue_payment;
mod discard;
mod dispute;
mod give_up;
mod movements;
mod observe;
mod record_fee;
mod record_payment;
mod record_provider_customer;
mod return_money;
mod settle;
mod settle_refund;
mod start_capture;
mod start_payment;
mod start_refund;
mod start_void;

pub use audit_method_removal::AuditMethodRemoval;
pub use check_authorizations::CheckAuthorizations;
pub(crate) use dispute::EvidenceJobs;
pub use dispute::{
    DisputeKey, EvidenceOutcome, MarkEvidenceSent, PutOffEvidence, SettleDispute, SettleEvidence,
    SubmitEvidence,
};
pub use record_fee::RecordFee;
pub use record_payment::{RecordPayment, RecordRefund, Recorder};
pub use record_provider_customer::RecordProviderCustomer;
pub use settle::{ObservedBy, Settle};
pub use settle_refund::{RefundOutcome, SettleRefund};
pub use start_capture::StartCapture;
pub use start_payment::{MethodUse, PaymentTarget, StartPayment};
pub use start_refund::StartRefund;
pub use start_void::StartVoid;

pub(super) use answer::{Afterwards, Unsent, settle_unsent};
pub(super) use discard::{Discard, needs_of_discard};
pub(super) use give_up::{give_up, lose_sight};
pub(super) use return_money::{AskedBy, ReturnOrder, refund};
pub(super) use start_capture::capture;
pub(super) use start_void::void;

use serde_json::json;

use crate::commands::draft::{About, Draft};
use crate::commands::jobs::JobLease;
use crate::ids::{AttemptId, BookingId, KeyId, PaymentId, RefundId, TenantId};
use crate::lifecycle::{CurrentState, State, booking};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::reply::AttemptJob;
use crate::rows::{Attempt, AttemptKind, Booking, Facts, Job, Mode, Needs, Payment, Refund, Subject};
use crate::time::Span;

pub(super) fn about(payment: &Payment) -> About {
    About { tenant: payment.tenant, kind: Subject::Payment, id: payment.id.0 }
}

pub(super) fn about_refund(refund: &Refund) -> About {
    About { tenant: refund.tenant, kind: Subject::Refund, id: refund.id.0 }
}

/// Appends a message about a payment to the outbox. `moved` is the amount of this movement. `movement` is its
/// name: the ledger's transfer has its id from the name, so a repeated message is posted once.
pub(super) fn append_message(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    kind: &str,
    movement: &str,
    moved: Money,
) {
    let payload = json!({
        "payment_id": payment.id.0,
        "booking_id": payment.booking.map(|booking| booking.0),
        "account_id": payment.account.0,
        "provider": payment.provider,
        "provider_object": payment.provider_ref,
        "state": payment.state.name(),
        "continued_by": payment.continued_by.map(|next| next.0),
        "movement": movement,
        "moved": moved,
    });
    let about = about(payment);
    draft.append_message(about, &mut payment.seq, kind, &payload);
}

pub(super) fn append_refund_message(
    draft: &mut Draft<'_>,
    refund: &mut Refund,
    payment: &Payment,
    kind: &str,
) {
    let movement = alloc::format!("{kind}/{}", refund.id);
    let moved = Money::new(refund.amount_minor, refund.currency);
    append_refund_movement(draft, refund, payment, kind, &movement, moved, LeavesRevenue::default());
}

/// Whether a booking of which tickets were cancelled has more money than it costs now. The caller has requested the
/// booking's items.
fn has_too_much(facts: &Facts, booking: &Booking, payment: &Payment) -> bool {
    let has = booking.paid_minor - booking.refunded_minor - payment.refunding_minor;
    let mut items = facts.booking_items.owned_by(booking.id);
    has > booking.total_minor && items.any(|item| item.credited_minor.is_some())
}

/// Where the money of a refund comes from.
#[derive(Clone, Copy, Default)]
struct LeavesRevenue {
    /// From what was recognized before.
    recognized: bool,
    /// The part of it that was tax, and is not owed any more.
    tax_minor: i64,
}

impl LeavesRevenue {
    /// Counts a refund on the recognized money of its booking, which the caller puts. `minor` goes back, or comes
    /// again if negative.
    fn counted(facts: &Facts, booking: Option<&mut Booking>, refund: &Refund, minor: i64) -> LeavesRevenue {
        match booking {
            Some(booking) if reduces_revenue(facts, Some(booking), refund) => {
                LeavesRevenue { recognized: true, tax_minor: booking.recognize(-minor).abs() }
            }
            _ => LeavesRevenue::default(),
        }
    }
}

/// Requests the booking of a refund, and what [`reduces_revenue`] looks at. Items are loaded before their booking shows
/// whether it is cancelled.
fn needs_of_refunded(rows: &mut Needs<'_>, booking: BookingId) {
    rows.booking_items(booking);
    rows.booking(booking);
}

/// Whether the money was recognized as revenue when the refund was begun. What a cancellation gives back, and what was
/// under way then, never was. See [`needs_of_refunded`].
fn reduces_revenue(facts: &Facts, booking: Option<&Booking>, refund: &Refund) -> bool {
    booking.is_some_and(|booking| match *booking.state {
        booking::State::Completed | booking::State::NoShow => true,
        booking::State::Cancelled => {
            let mut items = facts.booking_items.owned_by(booking.id);
            let is_later = booking.ended_at.is_some_and(|ended| refund.created_at > ended);
            is_later && items.any(|item| item.credited_minor.is_some())
        }
        booking::State::Held | booking::State::Expired | booking::State::Confirmed => false,
    })
}

fn append_refund_movement(
    draft: &mut Draft<'_>,
    refund: &mut Refund,
    payment: &Payment,
    kind: &str,
    movement: &str,
    moved: Money,
    leaves: LeavesRevenue,
) {
    let payload = json!({
        "refund_id": refund.id.0,
        "payment_id": payment.id.0,
        "booking_id": payment.booking.map(|booking| booking.0),
        "account_id": payment.account.0,
        "provider": payment.provider,
        "provider_object": refund.provider_ref,
        "state": refund.state.name(),
        "movement": movement,
        "moved": moved,
        "recognized": leaves.recognized,
        "tax_minor": leaves.tax_minor,
    });
    let about = about_refund(refund);
    draft.append_message(about, &mut refund.seq, kind, &payload);
}

/// The tenant's payment.
pub(super) fn own(facts: &Facts, tenant: TenantId, mode: Mode, id: PaymentId) -> Result<&Payment, Refusal> {
    let is_own = |payment: &&Payment| {
        let account = facts.accounts.get(payment.account);
        let any_mode = fault_injection::is(fault_injection::InjectedFault::ModeNotCompared);
        payment.tenant == tenant && account.is_some_and(|account| any_mode || account.mode == mode)
    };
    facts.payments.get(id).filter(is_own).ok_or(Refusal::PaymentNotFound)
}

/// Requests the payment, and its account for the mode.
fn needs_of_own(rows: &mut Needs<'_>, id: PaymentId) -> Option<()> {
    let payment = rows.payment(id)?;
    rows.account(payment.account);
    Some(())
}

/// One call to a provider that is to be made.
struct ProviderCall {
    id: AttemptId,
    payment: PaymentId,
    refund: Option<RefundId>,
    tenant: TenantId,
    kind: AttemptKind,
    amount_minor: i64,
    key: Option<KeyId>,
    /// The longest time without a definite outcome.
    deadline: Span,
}

/// Writes the attempt and its job. With a lease the new job is claimed already: the server that got
/// the request works on it at once, and if that server dies, the lease lapses.
fn enqueue(
    draft: &mut Draft<'_>,
    call: ProviderCall,
    lease: Option<JobLease>,
    payment: Payment,
    refund: Option<Refund>,
) -> AttemptJob {
    let now = draft.context.now;
    let attempt = Attempt {
        id: call.id,
        tenant: call.tenant,
        payment: call.payment,
        refund: call.refund,
        kind: call.kind,
        amount_minor: call.amount_minor,
        key: call.key,
        state: CurrentState::start(),
        key_number: 0,
        key_spent_at: None,
        sent_at: None,
        provider_api: None,
        deadline_at: now.plus(call.deadline),
        failure: None,
        created_at: now,
        updated_at: now,
        unknown_since: None,
    };
    let mut job = Job::of_attempt(&attempt, &payment, now);
    if let Some(lease) = lease {
        job = job.born_claimed(lease);
    }
    draft.put(attempt.clone());
    draft.put(job.clone());
    AttemptJob { job, attempt, payment, refund, may_be_found: false }
}
