//! Record a payout: a person says what was paid by hand, what was found out, or what came back.
//!
//! | the payout | may be recorded as |
//! |---|---|
//! | is manual and scheduled | paid |
//! | failed at the provider | paid, by other means: it becomes manual |
//! | is with a person, because its outcome is unknown | paid or failed, as the provider's own pages show |
//! | is paid | returned |
//! | is paid, and a person has its reversal, because the outcome is unknown | failed: the reversal was not made; returned: all of it came back |

use alloc::boxed::Box;
use alloc::string::String;

use super::{about, append_message, close_case, end_reversal, own, pay, take_back};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::OpenJob;
use crate::ids::{JobId, PayoutId, ReviewId, TenantId};
use crate::lifecycle::Step;
use crate::lifecycle::payout::{Event, State};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Mode, Needs, Payout, PayoutMethod};
use crate::working_set::{Claim, Command, Context, Decision, DecisionResult};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedOutcome {
    Paid,
    Failed,
    Returned,
}

#[derive(Clone, Debug)]
pub struct RecordPayout {
    pub claim: Claim,
    pub mode: Mode,
    pub payout: PayoutId,
    /// The number of the payout's last reversal as the caller read it, because its case is locked before the
    /// payout.
    pub reversal: i64,
    pub outcome: RecordedOutcome,
    /// What it can be found by, such as a bank's reference.
    pub reference: String,
    /// Who says so, in free text, and why.
    pub person: String,
    pub why: String,
}

impl RecordPayout {
    fn origin(&self) -> Origin {
        Origin {
            actor: Actor::Client(self.claim.client),
            request_id: Some(self.claim.request_id.clone()),
            person: Some(self.person.clone()),
            why: Some(self.why.clone()),
        }
    }

    /// The provider has no such reversal. The payout stays paid; its job finds that nothing is to do.
    fn give_up_reversal(&self, facts: &Facts, context: &Context<'_>, mut payout: Payout) -> Decision {
        let origin = self.origin();
        let mut draft = Draft::new(context, &origin);
        end_reversal(&mut draft, facts, &mut payout, "payout_reversal_given_up");
        let movement = alloc::format!("payout.reversal_failed/{}/{}", payout.id, payout.reversal);
        append_message(&mut draft, &mut payout, "payout.reversal_failed", &movement, 0);
        payout.updated_at = context.now;
        draft.put(payout.clone());
        draft.reply(Reply::Payout(Box::new(payout)))
    }

    fn step(&self, payout: &Payout) -> Result<Step<State>, Refusal> {
        let event = match self.outcome {
            RecordedOutcome::Paid => Event::Pay,
            RecordedOutcome::Failed => Event::Fail,
            RecordedOutcome::Returned => Event::Return,
        };
        let by_hand = match *payout.state {
            State::Scheduled => payout.method == PayoutMethod::Manual,
            State::Review | State::Failed | State::Paid => true,
            // The worker is about to find out.
            State::Sent | State::Unknown | State::Returned => false,
        };
        let step = payout.state.step(event).filter(|_| by_hand);
        step.ok_or_else(|| Refusal::of_state(payout.state, event))
    }
}

impl Command for RecordPayout {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.payout));
        rows.review(ReviewId::of_payout(self.payout));
        rows.review(ReviewId::of_reversal(JobId::of_reversal(self.payout, self.reversal)));
        rows.payout(self.payout);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let mut payout = own(facts, self.claim.tenant, self.mode, self.payout)?.clone();
        let is_of_reversal = payout.is_being_reversed();
        // Another reversal than the caller read has only just begun.
        let is_another = payout.reversal != self.reversal;
        if is_of_reversal && (is_another || !payout.reversal_is_with_a_person(context.now)) {
            return Err(Refusal::PayoutIsBeingReversed);
        }
        if is_of_reversal && self.outcome == RecordedOutcome::Failed {
            return Ok(self.give_up_reversal(facts, context, payout));
        }
        let step = self.step(&payout)?;
        // Nothing can fail from here on.

        let origin = self.origin();
        let mut draft = Draft::new(context, &origin);
        if payout.state.is(State::Failed) {
            payout.method = PayoutMethod::Manual;
        }
        payout.reference = Some(self.reference.clone());
        if is_of_reversal {
            end_reversal(&mut draft, facts, &mut payout, "payout_reversed");
        }
        match self.outcome {
            RecordedOutcome::Paid => pay(&mut draft, &mut payout, step),
            RecordedOutcome::Failed => {
                payout.state = draft.step(about(&payout), step);
                let movement = alloc::format!("payout.failed/{}", payout.id);
                append_message(&mut draft, &mut payout, "payout.failed", &movement, 0);
            }
            RecordedOutcome::Returned => {
                let all = payout.amount_minor;
                take_back(&mut draft, &mut payout, all);
            }
        }
        payout.updated_at = context.now;
        if let Some(job) = facts.jobs.get(JobId::from(self.payout)).and_then(OpenJob::of) {
            draft.put(job.finished(context.now));
        }
        close_case(&mut draft, facts, &payout);
        draft.put(payout.clone());
        Ok(draft.reply(Reply::Payout(Box::new(payout))))
    }
}
