//! Mark evidence as sent: committed before each call that submits it. After it a lost reply means *unknown*.

use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::held;
use crate::ids::{DisputeEvidenceId, DisputeId, JobId, TenantId};
use crate::lifecycle::State as _;
use crate::lifecycle::dispute_evidence::{Event, State, step};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Needs};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct MarkEvidenceSent {
    pub evidence: DisputeEvidenceId,
    pub dispute: DisputeId,
    pub token: i64,
}

impl Command for MarkEvidenceSent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId(self.evidence.0));
        rows.evidence_row(self.evidence);
        rows.dispute(self.dispute);
        Some(())
    }

    /// Replies with the number of the provider's key for the call, or that the call must not be sent: the bank
    /// has decided, its time is over, or it has evidence.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        held(facts, JobId(self.evidence.0), self.token)?;
        let evidence = facts.dispute_evidence.get(self.evidence).ok_or(Refusal::NothingToDo)?;
        let dispute = facts.disputes.get(self.dispute).ok_or(Refusal::NothingToDo)?;
        let send = match *evidence.state {
            State::Created => Some(const { step(State::Created, Event::Send) }),
            // It was sent before, and the call is repeated.
            State::Sent | State::Unknown => None,
            State::Submitted | State::Refused | State::WrittenOff => return Err(Refusal::NothingToDo),
        };
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let ended = dispute.state.is_final() || dispute.evidence_submitted_at.is_some();
        if ended || dispute.is_past_due(context.now) {
            return Ok(draft.reply(Reply::Send(None)));
        }
        let mut evidence = evidence.clone();
        if let Some(send) = send {
            evidence.state = send.to();
        }
        if evidence.sent_at.is_none() {
            evidence.sent_at = Some(context.now);
            evidence.updated_at = context.now;
        }
        let key_number = evidence.key_number;
        draft.put(evidence);
        Ok(draft.reply(Reply::Send(Some(key_number))))
    }
}
