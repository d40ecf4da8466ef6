//! Release funds: a timer submits the releases that a query found due. Each is decided again under the
//! locks of its payments and of its own row.
//!
//! | found under the locks | the release |
//! |---|---|
//! | it is not due any more: another server was quicker | stays |
//! | a payment has a refund or a call under way, an unknown outcome, or a dispute whose money is not where the decision puts it | is checked again later; after a week without an open dispute a person has the case |
//! | no money is left, after refunds, lost disputes and taxes | is void |
//! | the rule cannot divide what is left, or the money is of another mode than a beneficiary | a person has the case |
//! | otherwise | is released: one payout for each share, and a job for each transfer |
//!
//! A refund locks the same rows. So of a refund and a release at the same moment one comes first: after
//! the refund less is released, or nothing yet; after the release the refund is refused.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::json;

use super::about_release;
use crate::commands::booking;
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::NewJob;
use crate::ids::{BeneficiaryId, BookingId, JobId, PaymentId, PayoutId, ReleaseId, ReviewId, TenantId};
use crate::lifecycle::release::{Event, State};
use crate::lifecycle::{CurrentState, State as _, payment, release};
use crate::limits::{RELEASE_RECHECK, RELEASE_WAITS_MAX};
use crate::money::Money;
use crate::provider::AmountRules;
use crate::reply::Reply;
use crate::rows::{
    Actor, Beneficiary, Booking, Facts, FundsRelease, Mode, Needs, Payment, Payout, PayoutMethod,
};
use crate::split::Division;
use crate::working_set::{Command, Context, DecisionResult};

/// A release that a query found due, with the payments of its booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRelease {
    pub booking: BookingId,
    pub payments: Vec<PaymentId>,
}

/// At most [`crate::limits::IDS_PER_COMMAND_MAX`] releases, each once.
#[derive(Clone, Debug)]
pub struct ReleaseFunds {
    pub due: Vec<DueRelease>,
    pub amounts: AmountRules,
}

/// Whether a payment stands against the release of its booking's funds, for the time being.
pub(crate) fn blocks_release(payment: &Payment) -> bool {
    let has_money = payment.state.is(payment::State::Captured);
    let under_way = !payment.state.is_final() || payment.active.is_some() || payment.refunding_minor > 0;
    let unsure = payment.suspended_minor != 0 || (has_money && !payment.evidenced);
    under_way || payment.unsettled_disputes > 0 || unsure
}

/// What becomes of a due release.
enum Verdict<'f> {
    Later {
        /// The bank is deciding, which has a case of its own.
        disputed: bool,
    },
    Nothing,
    Person(&'static str),
    Release {
        net_minor: i64,
        division: Division,
        to: Vec<&'f Beneficiary>,
    },
}

impl ReleaseFunds {
    /// The release and its booking, if the funds are still due.
    fn due<'f>(
        facts: &'f Facts,
        booking: BookingId,
        context: &Context<'_>,
    ) -> Option<(&'f FundsRelease, &'f Booking)> {
        let release = facts.releases.get(ReleaseId::from(booking))?;
        let is_due = release.state.is(State::Due) && release.sweep_at.is_some_and(|at| at <= context.now);
        is_due.then_some(())?;
        Some((release, facts.bookings.get(booking)?))
    }

    fn verdict<'f>(
        &self,
        facts: &'f Facts,
        due: &DueRelease,
        release: &FundsRelease,
        booking: &Booking,
    ) -> Verdict<'f> {
        let payments = due.payments.iter().filter_map(|id| facts.payments.get(*id));
        let payments: Vec<&Payment> =
            payments.filter(|payment| payment.booking == Some(booking.id)).collect();
        let all = i64::try_from(payments.len()).is_ok_and(|count| count == booking.payments);
        if !all || booking.open_payment.is_some() || payments.iter().any(|payment| blocks_release(payment)) {
            return Verdict::Later { disputed: payments.iter().any(|payment| payment.open_disputes > 0) };
        }
        let sum = |minor: fn(&Payment) -> i64| payments.iter().map(|payment| minor(payment)).sum::<i64>();
        let kept_minor = sum(|payment| payment.captured_minor - payment.refunded_minor);
        // The booking counts money on evidence, so both agree once all of it was seen.
        if kept_minor != booking.paid_minor - booking.refunded_minor {
            return Verdict::Later { disputed: false };
        }
        // What was refunded and then lost in a dispute as well was lost twice.
        // The tax is owed to the state, and no one's share.
        let net_minor = kept_minor - sum(|payment| payment.disputed_minor) - booking.recognized_tax_minor;
        if net_minor <= 0 {
            return Verdict::Nothing;
        }
        let split = &release.split.0;
        let to: Vec<&Beneficiary> =
            split.beneficiaries().filter_map(|id| facts.beneficiaries.get(id)).collect();
        if to.len() != split.shares.len() {
            return Verdict::Person("a beneficiary is missing");
        }
        let with_money = payments.iter().filter(|payment| payment.captured_minor > 0);
        let modes: Option<Vec<Mode>> =
            with_money.map(|payment| Some(facts.accounts.get(payment.account)?.mode)).collect();
        let Some(modes) = modes else { return Verdict::Later { disputed: false } };
        if to.iter().any(|beneficiary| modes.iter().any(|mode| *mode != beneficiary.mode)) {
            return Verdict::Person("the money is of another mode than a beneficiary");
        }
        match split.divide(net_minor, |id| self.step_minor(&to, id, booking)) {
            Some(division) => Verdict::Release { net_minor, division, to },
            None => Verdict::Person("the fixed sums of the rule exceed what is left of the money"),
        }
    }

    /// The smallest unit in which the beneficiary can be paid.
    fn step_minor(&self, to: &[&Beneficiary], id: BeneficiaryId, booking: &Booking) -> i64 {
        let provider = to.iter().find(|one| one.id == id).and_then(|one| one.provider.as_deref());
        let rule = provider.and_then(|provider| (self.amounts.0)(provider, booking.currency));
        rule.map_or(1, |rule| rule.step_minor)
    }
}

impl Command for ReleaseFunds {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let mut complete = Some(());
        for due in &self.due {
            for id in &due.payments {
                match rows.payment(*id) {
                    Some(payment) => _ = rows.account(payment.account),
                    None => complete = None,
                }
            }
            rows.review(ReviewId::of_release(ReleaseId::from(due.booking)));
            let release = rows.release(ReleaseId::from(due.booking));
            rows.booking(due.booking);
            match release {
                Some(release) => {
                    for id in release.split.0.beneficiaries() {
                        rows.beneficiary(id);
                    }
                }
                None => complete = None,
            }
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let mut released = 0;
        for due in &self.due {
            let Some((before, booking)) = Self::due(facts, due.booking, context) else { continue };
            let mut release = before.clone();
            let case = facts.reviews.get(ReviewId::of_release(release.id));
            match self.verdict(facts, due, before, booking) {
                Verdict::Later { disputed } => {
                    release.sweep_at = Some(context.now.plus(RELEASE_RECHECK));
                    if !disputed && waits_too_long(&release, context) && case.is_none() {
                        open_case(&mut draft, &release);
                    }
                }
                Verdict::Nothing => {
                    let step = const { release::step(State::Due, Event::FindNothing) };
                    release.state = draft.step(about_release(&release), step);
                    release.sweep_at = None;
                }
                Verdict::Person(why) => {
                    let step = const { release::step(State::Due, Event::GiveUp) };
                    release.state = draft.step(about_release(&release), step);
                    release.sweep_at = None;
                    draft.review(about_release(&release), "funds_cannot_be_divided", why.to_owned());
                }
                Verdict::Release { net_minor, division, to } => {
                    // With the fault the timer finds it once more.
                    let again = fault_injection::is(fault_injection::InjectedFault::ReleasedTwice)
                        && release.released_at.is_none();
                    if !again {
                        let step = const { release::step(State::Due, Event::Release) };
                        release.state = draft.step(about_release(&release), step);
                        release.sweep_at = None;
                    }
                    release.released_at = Some(context.now);
                    release.released_minor = net_minor;
                    release.platform_minor = division.platform_minor;
                    pay_out(&mut draft, booking, net_minor, &division, &to);
                    released += 1;
                }
            }
            if let Some(case) = case
                && !release.state.is(State::Due)
            {
                draft.resolve_review(case, format!("the release is {}", release.state.name()));
            }
            draft.put(release);
        }
        Ok(draft.reply(Reply::Swept(released)))
    }
}

fn waits_too_long(release: &FundsRelease, context: &Context<'_>) -> bool {
    release.due_at.is_some_and(|due| due.plus(RELEASE_WAITS_MAX) <= context.now)
}

fn open_case(draft: &mut Draft<'_>, release: &FundsRelease) {
    let about = about_release(release);
    let detail = "a payment of the booking is not settled".to_owned();
    let case = draft.case(ReviewId::of_release(release.id), about, "release_waits", detail);
    draft.open_review(case);
}

/// Writes the payouts of a release, and the message that divides the money in the ledger.
fn pay_out(
    draft: &mut Draft<'_>,
    booking: &Booking,
    net_minor: i64,
    division: &Division,
    to: &[&Beneficiary],
) {
    let shares = division.shares.iter().filter(|(_, minor)| *minor > 0);
    let shares: Vec<_> =
        shares.filter_map(|(id, minor)| Some((*to.iter().find(|one| one.id == *id)?, *minor))).collect();
    let listed: Vec<_> = shares
        .iter()
        .map(|(beneficiary, minor)| json!({ "beneficiary_id": beneficiary.id.0, "minor": minor }))
        .collect();
    let mut booking = booking.clone();
    let payload = json!({
        "booking_id": booking.id.0,
        "state": booking.state.name(),
        "movement": format!("booking.released/{}", booking.id),
        "moved": Money::new(net_minor, booking.currency),
        "platform_minor": division.platform_minor,
        "shares": listed,
    });
    let about = booking::about(&booking);
    draft.append_message(about, &mut booking.seq, "booking.released", &payload);
    for (beneficiary, minor) in shares {
        let payout = new_payout(draft, &booking, beneficiary, minor);
        draft.audit(super::about(&payout), "payout_scheduled", None, Some(payout.state.name()));
        if payout.method == PayoutMethod::Transfer {
            draft.put(job_of(draft, &payout));
        }
        draft.put(payout);
    }
    draft.put(booking);
}

fn new_payout(draft: &Draft<'_>, booking: &Booking, to: &Beneficiary, amount_minor: i64) -> Payout {
    let now = draft.context.now;
    // A person decides how the share of an inactive one is paid.
    let is_active = to.deactivated_at.is_none();
    let id = if fault_injection::is(fault_injection::InjectedFault::ReleasedTwice) {
        draft.id()
    } else {
        PayoutId::of(booking.id, to.id)
    };
    Payout {
        id,
        tenant: booking.tenant,
        booking: booking.id,
        beneficiary: to.id,
        mode: to.mode,
        amount_minor,
        currency: booking.currency,
        method: if is_active { to.method } else { PayoutMethod::Manual },
        account: to.account.filter(|_| is_active),
        provider: to.provider.clone().filter(|_| is_active),
        destination: to.destination.clone().filter(|_| is_active),
        state: CurrentState::start(),
        seq: 0,
        key_number: 0,
        key_spent_at: None,
        sent_at: None,
        unknown_since: None,
        provider_ref: None,
        reference: None,
        returned_minor: 0,
        failure: None,
        created_at: now,
        updated_at: now,
        reversal: 0,
        reversing_minor: 0,
    }
}

fn job_of(draft: &Draft<'_>, payout: &Payout) -> crate::rows::Job {
    let new = NewJob {
        id: JobId::from(payout.id),
        tenant: payout.tenant,
        kind: &crate::jobs::PAYOUT,
        subject_kind: "payout",
        subject: payout.id.0,
        concurrency_key: payout.account.map(|account| account.0),
        payload: String::from("{}"),
        due_at: draft.context.now,
        deadline_at: None,
    };
    new.row(draft.context.now)
}
