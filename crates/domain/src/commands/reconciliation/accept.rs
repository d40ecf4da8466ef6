//! Accept a difference: a person has looked at it, and it stays as it is.

use alloc::boxed::Box;
use alloc::string::String;

use super::about_difference;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ClientId, DifferenceId, TenantId};
use crate::lifecycle::difference::Event;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Difference, Facts, Mode, Needs};
use crate::working_set::{Claim, Command, Context, DecisionResult};

/// A person's decision on a difference.
#[derive(Clone, Debug)]
pub struct DecidedDifference {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    /// The client whose API key the person uses, and the key's mode.
    pub client: ClientId,
    pub mode: Mode,
    pub request_id: String,
    pub difference: DifferenceId,
    /// The person's name as the request has it.
    pub person: String,
    pub why: String,
}

#[derive(Clone, Debug)]
pub struct AcceptDifference(pub DecidedDifference);

impl Command for AcceptDifference {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.0.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.0.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let difference = rows.difference(self.0.difference)?;
        rows.account(difference.account);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let decided = &self.0;
        let own = facts.differences.get(decided.difference).filter(|row| row.tenant == decided.tenant);
        let difference = own.ok_or(Refusal::DifferenceNotFound)?;
        let account = facts.accounts.get(difference.account);
        if account.is_none_or(|account| account.mode != decided.mode) {
            return Err(Refusal::DifferenceNotFound);
        }
        let step = difference.state.require(Event::Accept)?;
        // Nothing can fail from here on.

        let origin = Origin {
            actor: Actor::Client(decided.client),
            request_id: Some(decided.request_id.clone()),
            person: Some(decided.person.clone()),
            why: Some(decided.why.clone()),
        };
        let mut draft = Draft::new(context, &origin);
        let state = draft.step(about_difference(difference), step);
        let accepted = Difference {
            state,
            closed_at: Some(context.now),
            closed_by: Some(decided.person.clone()),
            closed_because: Some(decided.why.clone()),
            ..difference.clone()
        };
        draft.put(accepted.clone());
        Ok(draft.reply(Reply::Difference(Box::new(accepted))))
    }
}
