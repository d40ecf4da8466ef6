//! Reverse a payout: a client takes a transfer back, all of it or a part.
//!
//! | the payout | the reversal |
//! |---|---|
//! | is paid by a transfer | is begun; one at a time |
//! | was paid by a person | is refused: the person records what came back ([`RecordPayout`](super::RecordPayout)) |
//! | is not paid, or all of it came back | is refused |
//!
//! The reversal counts when the provider shows it ([`SettlePayout`](super::SettlePayout)): its reply, a look-up and
//! a webhook all show the same sum of what was taken back, and each sum moves money in the ledger once.

use alloc::boxed::Box;
use alloc::string::String;

use super::{about, own};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::NewJob;
use crate::ids::{JobId, PayoutId, TenantId};
use crate::lifecycle::payout::{Event, State};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Mode, Needs, Payout, PayoutMethod};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct ReversePayout {
    pub claim: Claim,
    pub mode: Mode,
    pub payout: PayoutId,
    /// `None`: all that is left of it.
    pub amount: Option<Money>,
    /// Who wants it, in free text, and why.
    pub person: String,
    pub why: String,
}

impl ReversePayout {
    fn amount_minor(&self, payout: &Payout) -> Result<i64, Refusal> {
        let reversible = Money::new(payout.amount_minor - payout.returned_minor, payout.currency);
        let amount = self.amount.unwrap_or(reversible);
        let fits = amount.currency == reversible.currency && (1..=reversible.minor).contains(&amount.minor);
        if fits { Ok(amount.minor) } else { Err(Refusal::ReversalExceedsPayout { reversible }) }
    }
}

impl Command for ReversePayout {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.payout(self.payout);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let payout = own(facts, self.claim.tenant, self.mode, self.payout)?;
        if !payout.state.is(State::Paid) {
            return Err(Refusal::of_state(payout.state, Event::Return));
        }
        if payout.method == PayoutMethod::Manual || payout.provider_ref.is_none() {
            return Err(Refusal::PayoutWasPaidByHand);
        }
        if payout.is_being_reversed() {
            return Err(Refusal::PayoutIsBeingReversed);
        }
        let reversing_minor = self.amount_minor(payout)?;
        // Nothing can fail from here on.

        let origin = Origin {
            actor: Actor::Client(self.claim.client),
            request_id: Some(self.claim.request_id.clone()),
            person: Some(self.person.clone()),
            why: Some(self.why.clone()),
        };
        let mut draft = Draft::new(context, &origin);
        let payout = Payout {
            reversal: payout.reversal + 1,
            reversing_minor,
            key_number: 0,
            key_spent_at: None,
            sent_at: None,
            unknown_since: None,
            failure: None,
            updated_at: context.now,
            ..payout.clone()
        };
        draft.audit(about(&payout), "payout_reversal_started", None, None);
        let job = NewJob {
            id: JobId::of_reversal(payout.id, payout.reversal),
            tenant: payout.tenant,
            kind: &crate::jobs::REVERSE_PAYOUT,
            subject_kind: "payout",
            subject: payout.id.0,
            concurrency_key: payout.account.map(|account| account.0),
            payload: alloc::format!("{{\"number\":{}}}", payout.reversal),
            due_at: context.now,
            deadline_at: None,
        };
        draft.put(job.row(context.now));
        draft.put(payout.clone());
        Ok(draft.reply(Reply::PayoutReversal(Box::new(payout))))
    }
}
