//! Start a reconciliation of one account. At most one runs at a time.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use super::{RECONCILIATION, about_run};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::NewJob;
use crate::ids::{AccountId, ClientId, JobId, ReconciliationId, TenantId};
use crate::jobs::RECONCILE;
use crate::lifecycle::CurrentState;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{AccountReconciliation, Actor, Facts, Mode, Needs, Reconciliation, ReconciliationStage};
use crate::time::{Span, Timestamp};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub enum StartedBy {
    Person {
        client: ClientId,
        /// The mode of the person's key.
        mode: Mode,
        request_id: String,
        person: String,
        begins_at: Timestamp,
        ends_at: Timestamp,
    },
    /// Nothing is started if no run is due, or while one is under way.
    Timer {
        every: Span,
        /// Objects that are younger than this are left to the next run: much of them is still under way.
        margin: Span,
        /// How far a run goes back behind the end of the one before.
        overlap: Span,
    },
}

#[derive(Clone, Debug)]
pub struct StartReconciliation {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub account: AccountId,
    pub by: StartedBy,
}

impl StartReconciliation {
    fn origin(&self) -> Origin {
        match &self.by {
            StartedBy::Timer { .. } => Origin::of(Actor::Timer),
            StartedBy::Person { client, request_id, person, .. } => Origin {
                actor: Actor::Client(*client),
                request_id: Some(request_id.clone()),
                person: Some(person.clone()),
                why: None,
            },
        }
    }

    /// The time whose objects are compared. `None` if no run is due.
    fn window(&self, account: &AccountReconciliation, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match &self.by {
            StartedBy::Person { begins_at, ends_at, .. } => Some((*begins_at, *ends_at)),
            StartedBy::Timer { every, margin, overlap } => {
                let ends_at = now.minus(*margin);
                let begins_at =
                    account.compared_until.unwrap_or_else(|| ends_at.minus(*every)).minus(*overlap);
                let is_due = account.due_at <= now && account.current.is_none() && begins_at < ends_at;
                is_due.then_some((begins_at, ends_at))
            }
        }
    }

    fn run(
        &self,
        id: ReconciliationId,
        requested_by: Option<String>,
        (begins_at, ends_at): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Reconciliation {
        Reconciliation {
            id,
            tenant: self.tenant,
            account: self.account,
            begins_at,
            ends_at,
            requested_by,
            state: CurrentState::start(),
            pages: 0,
            stage: ReconciliationStage::Provider,
            cursor: None,
            provider_objects: 0,
            own_objects: 0,
            repaired: 0,
            found: 0,
            settled: 0,
            error: None,
            created_at: now,
            updated_at: now,
            finished_at: None,
        }
    }

    fn job(&self, run: &Reconciliation, now: Timestamp) -> NewJob {
        NewJob {
            id: JobId::from(run.id),
            tenant: self.tenant,
            kind: &RECONCILE,
            subject_kind: RECONCILIATION,
            subject: run.id.0,
            concurrency_key: Some(self.account.0),
            payload: "{}".to_owned(),
            due_at: now,
            deadline_at: None,
        }
    }
}

impl Command for StartReconciliation {
    fn tenant(&self) -> Option<TenantId> {
        match self.by {
            StartedBy::Person { .. } => Some(self.tenant),
            StartedBy::Timer { .. } => None,
        }
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.account_reconciliation(self.account);
        rows.account(self.account);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let account = facts.accounts.get(self.account).filter(|account| account.tenant == self.tenant);
        let account = account.ok_or(Refusal::AccountNotFound)?;
        let now = context.now;
        let state = facts.account_reconciliations.get(self.account).cloned();
        // No object of ours is older than the configuration of the account, so the first run has time.
        let due_at = match self.by {
            StartedBy::Timer { every, .. } => now.plus(every),
            StartedBy::Person { .. } => now,
        };
        let state = state.unwrap_or(AccountReconciliation {
            id: self.account,
            tenant: self.tenant,
            version: 0,
            current: None,
            compared_until: None,
            succeeded_at: None,
            due_at,
            created_at: now,
        });
        let person = match &self.by {
            StartedBy::Person { mode, .. } if *mode != account.mode => return Err(Refusal::AccountNotFound),
            StartedBy::Person { person, .. } => {
                if let Some(run) = state.current {
                    return Err(Refusal::ReconciliationIsRunning { run: run.0 });
                }
                Some(person.clone())
            }
            StartedBy::Timer { .. } => None,
        };
        let window = self.window(&state, now);
        let is_known = facts.account_reconciliations.get(self.account).is_some();
        if window.is_none() && is_known {
            return Err(Refusal::NothingToDo);
        }
        // Nothing can fail from here on.

        let origin = self.origin();
        let mut draft = Draft::new(context, &origin);
        let Some((begins_at, ends_at)) = window else {
            draft.put(state);
            return Ok(draft.done());
        };
        let run = self.run(draft.id(), person, (begins_at, ends_at), now);
        let job = self.job(&run, now);
        let due_at = match self.by {
            StartedBy::Timer { every, .. } => now.plus(every),
            StartedBy::Person { .. } => state.due_at,
        };
        draft.audit(about_run(&run), "started", None, Some("running"));
        draft.put(AccountReconciliation {
            version: state.version + 1,
            current: Some(run.id),
            due_at,
            ..state
        });
        draft.put(job.row(now));
        draft.put(run.clone());
        Ok(draft.reply(Reply::Reconciliation(Box::new(run))))
    }
}
