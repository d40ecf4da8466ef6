//! Payouts: who gets which share of a booking's money, when it is released, and its payment.
//!
//! | phase | command | what it writes |
//! |---|---|---|
//! | set up | [`CreateBeneficiary`], [`ChangeBeneficiary`], [`SetSplit`] | beneficiaries, and the split rule of a product |
//! | reserve | [`Reserve`](super::Reserve) | the release of the booking, `pending`, with its own copy of the rule. A booking of several products has one rule |
//! | the service was delivered | [`CompleteBooking`] | the revenue is recognized; the release is `due` after the rule's days |
//! | the timer | [`ReleaseFunds`] | the release is `released`; one payout for each share, and the jobs that transfer them |
//! | the driver | [`MarkPayoutSent`], [`SettlePayout`], [`PostponePayout`] | the payout |
//! | a client | [`ReversePayout`] | the payout's reversal, and the job that makes it |
//! | the driver of a reversal | [`MarkReversalSent`], [`SettlePayout`], [`PostponeReversal`], [`RefuseReversal`] | the payout |
//! | a person | [`RecordPayout`] | what was paid, found or returned by hand |
//!
//! A payout is its own attempt: it needs no row of `attempts`, which belong to payments. The rules
//! for its calls are those of a refund.
//!
//! What must never be here: a second way to create a payout. Only [`ReleaseFunds`] does, under the
//! lock of the release.

mod change_beneficiary;
mod complete_booking;
mod create_beneficiary;
mod mark_payout_sent;
mod mark_reversal_sent;
mod payout_jobs;
mod postpone_payout;
mod postpone_reversal;
mod record_payout;
mod refuse_reversal;
mod release_funds;
mod reversal_jobs;
mod reverse_payout;
mod set_split;
mod settle_payout;

pub use change_beneficiary::{BeneficiaryTransfer, ChangeBeneficiary};
pub use complete_booking::CompleteBooking;
pub(super) use complete_booking::{become_due, recognize};
pub use create_beneficiary::CreateBeneficiary;
pub use mark_payout_sent::MarkPayoutSent;
pub use mark_reversal_sent::MarkReversalSent;
pub use postpone_payout::PostponePayout;
pub use postpone_reversal::PostponeReversal;
pub use record_payout::{RecordPayout, RecordedOutcome};
pub use refuse_reversal::RefuseReversal;
#[cfg(test)]
pub(crate) use release_funds::blocks_release;
pub use release_funds::{DueRelease, ReleaseFunds};
pub use reverse_payout::ReversePayout;
pub use set_split::SetSplit;
pub use settle_payout::{PayoutOutcome, SettlePayout};

pub(crate) use payout_jobs::PayoutJobs;
pub(crate) use reversal_jobs::ReversalJobs;

use alloc::string::String;
use serde_json::json;

use crate::commands::draft::{About, Draft};
use crate::ids::{AccountId, BookingId, JobId, PayoutId, ReleaseId, ReviewId, TenantId};
use crate::lifecycle::payout::{Event, State};
use crate::lifecycle::{CurrentState, State as _, payout};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::rows::{Account, Booking, Facts, FundsRelease, Mode, Needs, Payout, Review, Subject};
use crate::split::SplitRule;
use crate::working_set::Json;

fn about(payout: &Payout) -> About {
    About { tenant: payout.tenant, kind: Subject::Payout, id: payout.id.0 }
}

fn about_release(release: &FundsRelease) -> About {
    About { tenant: release.tenant, kind: Subject::Release, id: release.id.0 }
}

/// The release of a new booking, with its own copy of the split rule.
pub(super) fn release_of(booking: &Booking, split: Json<SplitRule>) -> FundsRelease {
    FundsRelease {
        id: ReleaseId::from(booking.id),
        tenant: booking.tenant,
        booking: booking.id,
        split,
        state: CurrentState::start(),
        due_at: None,
        sweep_at: None,
        released_minor: 0,
        platform_minor: 0,
        currency: booking.currency,
        released_at: None,
        created_at: booking.created_at,
    }
}

/// Refuses to move the money of a booking whose funds were divided. The caller has requested the row.
pub(super) fn check_not_released(facts: &Facts, booking: Option<BookingId>) -> Result<(), Refusal> {
    let release = booking.and_then(|booking| facts.releases.get(ReleaseId::from(booking)));
    match release.filter(|release| release.released_at.is_some()) {
        Some(release) => Err(Refusal::FundsAreReleased { booking: release.booking.0 }),
        None => Ok(()),
    }
}

/// The tenant's account that pays transfers.
fn own_account(facts: &Facts, tenant: TenantId, mode: Mode, id: AccountId) -> Result<&Account, Refusal> {
    let is_own = |account: &&Account| account.tenant == tenant && account.mode == mode;
    facts.accounts.get(id).filter(is_own).ok_or(Refusal::AccountNotFound)
}

/// The tenant's payout.
fn own(facts: &Facts, tenant: TenantId, mode: Mode, id: PayoutId) -> Result<&Payout, Refusal> {
    let is_own = |payout: &&Payout| payout.tenant == tenant && payout.mode == mode;
    facts.payouts.get(id).filter(is_own).ok_or(Refusal::PayoutNotFound)
}

/// Appends a message about a payout. `movement` names what moved, once.
fn append_message(draft: &mut Draft<'_>, payout: &mut Payout, kind: &str, movement: &str, moved_minor: i64) {
    let payload = json!({
        "payout_id": payout.id.0,
        "booking_id": payout.booking.0,
        "beneficiary_id": payout.beneficiary.0,
        "method": payout.method.name(),
        "account_id": payout.account.map(|account| account.0),
        "provider": payout.provider,
        "provider_object": payout.provider_ref,
        "state": payout.state.name(),
        "movement": movement,
        "moved": Money::new(moved_minor, payout.currency),
    });
    let about = about(payout);
    draft.append_message(about, &mut payout.seq, kind, &payload);
}

/// The payout was paid.
fn pay(draft: &mut Draft<'_>, payout: &mut Payout, step: crate::lifecycle::Step<State>) {
    payout.state = draft.step(about(payout), step);
    payout.failure = None;
    payout.unknown_since = None;
    let movement = alloc::format!("payout.paid/{}", payout.id);
    let amount_minor = payout.amount_minor;
    append_message(draft, payout, "payout.paid", &movement, amount_minor);
}

/// `returned_minor` came back in all. Once it is all of the payout, the payout is returned.
fn take_back(draft: &mut Draft<'_>, payout: &mut Payout, returned_minor: i64) {
    let more = returned_minor - payout.returned_minor;
    if more <= 0 || !payout.state.is(State::Paid) {
        return;
    }
    payout.returned_minor = returned_minor;
    if returned_minor >= payout.amount_minor {
        payout.state = draft.step(about(payout), const { payout::step(State::Paid, Event::Return) });
    }
    // The sum names the movement: the same sum is reported by each later observation.
    let movement = alloc::format!("payout.returned/{}/{returned_minor}", payout.id);
    append_message(draft, payout, "payout.returned", &movement, more);
}

/// Requests a payout and its case.
fn needs_of_case(rows: &mut Needs<'_>, payout: PayoutId) {
    rows.review(ReviewId::of_payout(payout));
    rows.payout(payout);
}

/// Requests a reversal's job, its case and the payout.
fn needs_of_reversal(rows: &mut Needs<'_>, payout: PayoutId, number: i64) {
    let job = JobId::of_reversal(payout, number);
    rows.job(job);
    needs_of_reversal_case(rows, payout, job);
}

/// Requests the case of the reversal that this job makes, and its payout.
fn needs_of_reversal_case(rows: &mut Needs<'_>, payout: PayoutId, job: JobId) {
    rows.review(ReviewId::of_reversal(job));
    rows.payout(payout);
}

/// The reversal with this number, if it is under way.
fn reversal_under_way(facts: &Facts, payout: PayoutId, number: i64) -> Result<&Payout, Refusal> {
    let is_this = |payout: &&Payout| payout.is_being_reversed() && payout.reversal == number;
    facts.payouts.get(payout).filter(is_this).ok_or(Refusal::NothingToDo)
}

/// The case of the payout's last reversal.
fn case_of_reversal(payout: &Payout) -> ReviewId {
    ReviewId::of_reversal(JobId::of_reversal(payout.id, payout.reversal))
}

/// The reversal under way has ended. `action` says how, for the audit. The caller has requested its case.
fn end_reversal(draft: &mut Draft<'_>, facts: &Facts, payout: &mut Payout, action: &str) {
    draft.audit(about(payout), action, None, None);
    payout.reversing_minor = 0;
    payout.unknown_since = None;
    if let Some(review) = facts.reviews.get(case_of_reversal(payout)) {
        draft.resolve_review(review, alloc::format!("the reversal has ended: {action}"));
    }
}

/// The payout goes to a person. One that was never sent stays as it is.
fn move_to_review(draft: &mut Draft<'_>, payout: &mut Payout) {
    lose_sight(draft, payout);
    if payout.state.is(State::Unknown) {
        let step = const { payout::step(State::Unknown, Event::GiveUp) };
        payout.state = draft.step(about(payout), step);
        payout.updated_at = draft.context.now;
    }
}

/// The reply to a call that was sent is lost.
fn lose_sight(draft: &mut Draft<'_>, payout: &mut Payout) {
    if payout.state.is(State::Sent) {
        payout.state = draft.step(about(payout), const { payout::step(State::Sent, Event::LoseSight) });
        payout.unknown_since = Some(draft.context.now);
        payout.updated_at = draft.context.now;
    }
}

/// Opens the payout's case, unless it is open.
fn open_case(draft: &mut Draft<'_>, facts: &Facts, payout: &Payout, reason: &str, detail: String) {
    let id = ReviewId::of_payout(payout.id);
    let is_open = |review: &Review| review.resolved_at.is_none();
    let id = match facts.reviews.get(id) {
        None => id,
        Some(review) if is_open(review) => return,
        // A case that was closed stays closed: what happened since is another one.
        Some(_) => draft.id(),
    };
    let case = draft.case(id, about(payout), reason, detail);
    draft.open_review(case);
}

/// Closes the payout's case, because its outcome is known now.
fn close_case(draft: &mut Draft<'_>, facts: &Facts, payout: &Payout) {
    if let Some(review) = facts.reviews.get(ReviewId::of_payout(payout.id)) {
        draft.resolve_review(review, alloc::format!("the payout is {}", payout.state.name()));
    }
}
