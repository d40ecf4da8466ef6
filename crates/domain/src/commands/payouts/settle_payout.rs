//! Settle a payout: a worker, a webhook or a reconciliation submits its observation of the provider's transfer.
//!
//! | the transfer | the payout |
//! |---|---|
//! | is there | is paid, also if a person had the case, or if it had failed before |
//! | was taken back, all of it or a part | that much is returned; all of it: `returned` |
//! | was refused for good | has failed, and a person must pay it by other means |
//! | is another one, or has another amount or destination | goes to a person |

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::{about, append_message, close_case, end_reversal, move_to_review, open_case, pay, take_back};
use crate::commands::draft::{Draft, Origin};
use crate::commands::events::{self, Closing, OpenEvent};
use crate::commands::jobs::{HeldJob, OpenJob, give_up_job, held};
use crate::commands::payment::ObservedBy;
use crate::ids::{JobId, PayoutId, ReviewId, TenantId};
use crate::lifecycle::payout::{Event, State};
use crate::money::Money;
use crate::provider::TransferObservation;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Failure, Needs, Payout, PayoutMethod};
use crate::working_set::{Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub enum PayoutOutcome {
    Seen(TransferObservation),
    /// The provider refused it for good. No money moved.
    Refused(Failure),
}

#[derive(Clone, Debug)]
pub struct SettlePayout {
    pub by: ObservedBy,
    pub payout: PayoutId,
    pub outcome: PayoutOutcome,
}

enum CheckedSource<'f> {
    Job(HeldJob<'f>),
    Event(OpenEvent<'f>),
    /// A look-up of the payout's account, such as a reconciliation.
    LookUp,
}

impl SettlePayout {
    fn check<'f>(&self, facts: &'f Facts, payout: &Payout) -> Result<CheckedSource<'f>, Refusal> {
        match self.by {
            ObservedBy::Job { job, token } => held(facts, job, token).map(CheckedSource::Job),
            ObservedBy::LookUp { job, token } => {
                let account = held(facts, job, token)?.job.concurrency_key;
                let is_own = account.is_some() && account == payout.account.map(|account| account.0);
                is_own.then_some(CheckedSource::LookUp).ok_or(Refusal::PayoutNotFound)
            }
            ObservedBy::Event(event) => {
                let open = events::open(facts, event)?;
                let is_own = Some(open.event.account) == payout.account;
                is_own.then_some(CheckedSource::Event(open)).ok_or(Refusal::PayoutNotFound)
            }
        }
    }

    /// What the outcome contradicts.
    fn contradiction(&self, payout: &Payout) -> Option<String> {
        let seen = match &self.outcome {
            PayoutOutcome::Seen(seen) => seen,
            PayoutOutcome::Refused(_) if payout.provider_ref.is_some() => {
                return Some("it was refused after it was made".to_owned());
            }
            PayoutOutcome::Refused(_) => return None,
        };
        if payout.provider_ref.as_ref().is_some_and(|known| *known != seen.object) {
            return Some(format!("a second transfer at the provider: {}", seen.object));
        }
        if seen.amount_minor != payout.amount_minor || seen.currency != payout.currency {
            return Some(format!("transferred {}", Money::new(seen.amount_minor, seen.currency)));
        }
        if payout.destination.as_ref() != Some(&seen.destination) {
            return Some(format!("transferred to {}", seen.destination));
        }
        None
    }

    /// A person paid it by other means, and now the provider shows the transfer.
    fn is_paid_twice(payout: &Payout) -> bool {
        payout.method == PayoutMethod::Manual
    }

    fn contradict(
        draft: &mut Draft<'_>,
        facts: &Facts,
        payout: &mut Payout,
        source: &CheckedSource<'_>,
        why: &str,
    ) {
        open_case(draft, facts, payout, "provider_contradicts", why.to_owned());
        move_to_review(draft, payout);
        if let CheckedSource::Job(held) = source {
            // Nobody looks for the reversal any more: after its deadline a person may record what became of it.
            if payout.is_being_reversed() && held.job.id == JobId::of_reversal(payout.id, payout.reversal) {
                payout.unknown_since.get_or_insert(draft.context.now);
            }
            give_up_job(draft, held.job.clone(), held.give_up, why.to_owned());
        }
    }

    fn see(draft: &mut Draft<'_>, facts: &Facts, payout: &mut Payout, seen: &TransferObservation) {
        let had_failed = payout.state.is(State::Failed);
        if let Some(step) = payout.state.step(Event::Pay) {
            payout.provider_ref = Some(seen.object.clone());
            pay(draft, payout, step);
            if had_failed {
                let why = "it was made after all, and may have been paid by other means".to_owned();
                open_case(draft, facts, payout, "payout_made_after_it_had_failed", why);
            } else {
                close_case(draft, facts, payout);
            }
        }
        // A person may have recorded it without the provider's id.
        payout.provider_ref.get_or_insert_with(|| seen.object.clone());
        take_back(draft, payout, seen.reversed_minor);
        if payout.is_being_reversed() && seen.own_reversals.contains(&payout.reversal) {
            end_reversal(draft, facts, payout, "payout_reversed");
        }
    }

    fn refuse(draft: &mut Draft<'_>, facts: &Facts, payout: &mut Payout, failure: &Failure) {
        let Some(step) = payout.state.step(Event::Fail) else { return };
        payout.state = draft.step(about(payout), step);
        payout.failure = Some(Json(failure.clone()));
        let movement = format!("payout.failed/{}", payout.id);
        append_message(draft, payout, "payout.failed", &movement, 0);
        let why = format!("the provider refused it: {}; it must be paid by other means", failure.code);
        open_case(draft, facts, payout, "payout_failed", why);
    }
}

impl Command for SettlePayout {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        if let ObservedBy::Event(event) = self.by {
            rows.inbound_event(event);
        }
        if let ObservedBy::Job { job, .. } | ObservedBy::LookUp { job, .. } = self.by {
            rows.job(job);
        }
        rows.job(JobId::from(self.payout));
        rows.review(ReviewId::of_payout(self.payout));
        // A reversal that the transfer shows may end with this, and its case with it.
        if let PayoutOutcome::Seen(seen) = &self.outcome {
            for number in &seen.own_reversals {
                rows.review(ReviewId::of_reversal(JobId::of_reversal(self.payout, *number)));
            }
        }
        rows.payout(self.payout);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let before = facts.payouts.get(self.payout).ok_or(Refusal::PayoutNotFound)?;
        let source = self.check(facts, before)?;
        // Nothing can fail from here on.

        let actor = match self.by {
            ObservedBy::Job { .. } | ObservedBy::LookUp { .. } => Actor::Worker,
            ObservedBy::Event(_) => Actor::Webhook,
        };
        let origin = Origin::of(actor);
        let mut draft = Draft::new(context, &origin);
        let mut payout = before.clone();
        let mut closing = Closing::processed(None);
        let twice = Self::is_paid_twice(before).then(|| "a person had paid it by other means".to_owned());
        if let Some(why) = self.contradiction(before).or(twice) {
            Self::contradict(&mut draft, facts, &mut payout, &source, &why);
            closing.outcome = Some(why);
        } else {
            match &self.outcome {
                PayoutOutcome::Seen(seen) => Self::see(&mut draft, facts, &mut payout, seen),
                PayoutOutcome::Refused(failure) => Self::refuse(&mut draft, facts, &mut payout, failure),
            }
            let ended = matches!(*payout.state, State::Paid | State::Failed | State::Returned);
            let job = facts.jobs.get(JobId::from(self.payout)).and_then(OpenJob::of);
            if let Some(job) = job.filter(|_| ended) {
                draft.put(job.finished(context.now));
            }
            // The job of a reversal has done its work once the reversal is not under way.
            if let CheckedSource::Job(held) = &source
                && held.job.id != JobId::from(self.payout)
                && !payout.is_being_reversed()
            {
                draft.put(held.job.finished(context.now));
            }
            if payout == *before {
                closing = Closing::stale();
            }
        }
        if payout != *before {
            payout.updated_at = context.now;
            draft.put(payout);
        }
        if let CheckedSource::Event(open) = &source {
            open.close(&mut draft, closing);
        }
        Ok(draft.done())
    }
}
