//! Record a page of a run: its differences, and where the run continues.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use uuid::Uuid;

use super::{about_difference, running};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{DifferenceId, JobId, ReconciliationId, ReconciliationMarkId, TenantId};
use crate::lifecycle::{CurrentState, difference};
use crate::reconciliation::FoundDifference;
use crate::refusal::Refusal;
use crate::rows::{
    Account, Actor, Difference, DifferenceKind, Facts, Job, Needs, Reconciliation, ReconciliationMark,
    ReconciliationStage,
};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult};

/// How far a run is after a page.
#[derive(Clone, Debug)]
pub struct RunProgress {
    pub stage: ReconciliationStage,
    pub cursor: Option<String>,
    /// Objects and rows of this page.
    pub provider_objects: i64,
    pub own_objects: i64,
}

#[derive(Clone, Debug)]
pub struct RecordPage {
    pub run: ReconciliationId,
    /// The token of its job.
    pub token: i64,
    /// The run's number of pages before this one. A page that was recorded already is not recorded again.
    pub pages_before: i64,
    pub account: crate::ids::AccountId,
    pub progress: RunProgress,
    pub found: Vec<FoundDifference>,
    /// Differences that the provider's own object has settled, as evidence.
    pub repaired: Vec<FoundDifference>,
    /// Earlier differences of the objects of this page that are not found any more.
    pub vanished: Vec<DifferenceId>,
    /// Our payments, refunds and payouts that the provider's list has shown.
    pub marks: Vec<Uuid>,
}

/// What the page says of one difference.
enum Verdict<'c> {
    Found(&'c FoundDifference),
    Repaired(&'c FoundDifference),
    Vanished,
}

impl RecordPage {
    /// Each difference once. One that is still there is neither repaired nor gone.
    fn verdicts(&self) -> BTreeMap<DifferenceId, Verdict<'_>> {
        let mut verdicts = BTreeMap::new();
        verdicts.extend(self.vanished.iter().map(|id| (*id, Verdict::Vanished)));
        verdicts.extend(self.repaired.iter().map(|found| (found.id(self.account), Verdict::Repaired(found))));
        verdicts.extend(self.found.iter().map(|found| (found.id(self.account), Verdict::Found(found))));
        verdicts
    }

    fn has_payment_unknown_here(&self) -> bool {
        self.found.iter().any(|found| found.kind == DifferenceKind::PaymentUnknownHere)
    }

    fn row(&self, run: &Reconciliation, found: &FoundDifference, now: Timestamp) -> Difference {
        let row = Difference {
            id: found.id(self.account),
            tenant: run.tenant,
            account: run.account,
            kind: found.kind,
            object: found.object.clone(),
            payment: None,
            payout: None,
            provider_minor: None,
            provider_currency: None,
            own_minor: None,
            own_currency: None,
            ledger_minor: None,
            detail: String::new(),
            state: CurrentState::start(),
            assignee: None,
            first_run: run.id,
            last_run: run.id,
            object_at: found.object_at,
            found_at: now,
            seen_at: now,
            closed_at: None,
            closed_by: None,
            closed_because: None,
        };
        seen(run, row, found, now)
    }

    fn apply(
        &self,
        draft: &mut Draft<'_>,
        run: &mut Reconciliation,
        before: Option<&Difference>,
        verdict: &Verdict<'_>,
    ) {
        let now = draft.context.now;
        match verdict {
            Verdict::Found(found) => {
                let row = match before {
                    None => {
                        let row = self.row(run, found, now);
                        draft.audit(about_difference(&row), "found", None, Some("open"));
                        run.found += 1;
                        row
                    }
                    Some(before) => {
                        let row = seen(run, before.clone(), found, now);
                        if stays(before, &row) { row } else { reopened(draft, run, row) }
                    }
                };
                draft.put(row);
            }
            Verdict::Repaired(found) => {
                let row = match before {
                    None => {
                        let row = self.row(run, found, now);
                        draft.audit(about_difference(&row), "found", None, Some("open"));
                        row
                    }
                    // It was there again, and is settled again.
                    Some(before) => seen(run, before.clone(), found, now),
                };
                run.repaired += 1;
                let row = settled(draft, run, row, "the provider's object was applied as evidence");
                draft.put(row);
            }
            Verdict::Vanished => {
                let Some(before) = before else { return };
                let row = Difference { last_run: run.id, seen_at: now, ..before.clone() };
                let row = settled(draft, run, row, "a later run found no difference");
                draft.put(row);
            }
        }
    }
}

/// The row with what this page shows.
fn seen(run: &Reconciliation, row: Difference, found: &FoundDifference, now: Timestamp) -> Difference {
    Difference {
        payment: found.payment.or(row.payment),
        payout: found.payout.or(row.payout),
        provider_minor: found.at_provider.map(|money| money.minor),
        provider_currency: found.at_provider.map(|money| money.currency),
        own_minor: found.here.map(|money| money.minor),
        own_currency: found.here.or(found.in_ledger).map(|money| money.currency),
        ledger_minor: found.in_ledger.map(|money| money.minor),
        detail: found.detail.clone(),
        last_run: run.id,
        seen_at: now,
        ..row
    }
}

/// An open difference stays open, and an accepted one accepted as long as its amounts are the same.
fn stays(before: &Difference, seen: &Difference) -> bool {
    let amounts = |row: &Difference| (row.provider_minor, row.own_minor, row.ledger_minor);
    match *before.state {
        difference::State::Open => true,
        difference::State::Accepted => amounts(before) == amounts(seen),
        difference::State::Settled => false,
    }
}

fn reopened(draft: &mut Draft<'_>, run: &mut Reconciliation, row: Difference) -> Difference {
    use difference::{Event, State, step};
    let step = match *row.state {
        State::Open => return row,
        State::Settled => const { step(State::Settled, Event::Return) },
        State::Accepted => const { step(State::Accepted, Event::Return) },
    };
    run.found += 1;
    let state = draft.step(about_difference(&row), step);
    Difference { state, closed_at: None, closed_by: None, closed_because: None, ..row }
}

fn settled(draft: &mut Draft<'_>, run: &mut Reconciliation, row: Difference, why: &str) -> Difference {
    use difference::{Event, State, step};
    let step = match *row.state {
        State::Settled => return row,
        State::Open => const { step(State::Open, Event::Vanish) },
        State::Accepted => const { step(State::Accepted, Event::Vanish) },
    };
    run.settled += 1;
    let state = draft.step(about_difference(&row), step);
    let (closed_at, closed_because) = (Some(draft.context.now), Some(why.to_owned()));
    Difference { state, closed_at, closed_by: None, closed_because, ..row }
}

impl Command for RecordPage {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.run));
        for difference in self.verdicts().into_keys() {
            rows.difference(difference);
        }
        for mark in &self.marks {
            rows.reconciliation_mark(ReconciliationMarkId::of(self.run, *mark));
        }
        rows.reconciliation(self.run);
        if self.has_payment_unknown_here() {
            rows.account(self.account);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let (before, held) = running(facts, self.run, self.token)?;
        if before.pages != self.pages_before || before.account != self.account {
            return Err(Refusal::NothingToDo);
        }
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let now = context.now;
        let mut run = before.clone();
        for (id, verdict) in self.verdicts() {
            self.apply(&mut draft, &mut run, facts.differences.get(id), &verdict);
        }
        // Together with the difference, so that no charge sees the one without the other.
        let account = facts.accounts.get(run.account).filter(|_| self.has_payment_unknown_here());
        if let Some(account) = account.filter(|account| !account.has_payment_unknown_here) {
            draft.put(Account { has_payment_unknown_here: true, ..account.clone() });
        }
        let mut marked = alloc::collections::BTreeSet::new();
        for subject in &self.marks {
            let id = ReconciliationMarkId::of(run.id, *subject);
            if facts.reconciliation_marks.get(id).is_none() && marked.insert(id) {
                draft.put(ReconciliationMark { id, tenant: run.tenant, run: run.id, subject: *subject });
            }
        }
        let RunProgress { stage, cursor, provider_objects, own_objects } = &self.progress;
        draft.put(Reconciliation {
            pages: run.pages + 1,
            stage: *stage,
            cursor: cursor.clone(),
            provider_objects: run.provider_objects + provider_objects,
            own_objects: run.own_objects + own_objects,
            updated_at: now,
            ..run
        });
        // A page came through, so earlier failures do not count any more.
        draft.put(Job { attempts: 0, failures: 0, last_error: None, updated_at: now, ..held.job.clone() });
        Ok(draft.done())
    }
}
