//! Look a case up at the provider: a job fetches the object of its payment, settles what it shows, and closes
//! the case if the provider and our books agree.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use super::{DecidedReview, about};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::{NewJob, held};
use crate::ids::{AttemptId, JobId, PaymentId, ReviewId, TenantId};
use crate::jobs::LOOK_UP;
use crate::lifecycle::attempt;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Job, Needs};
use crate::working_set::{Claim, Command, Context, DecisionResult};

/// The kind of row that such a job is about.
const REVIEW: &str = "review";

impl Job {
    /// The case that the job looks up.
    pub fn review(&self) -> Option<ReviewId> {
        (self.subject_kind == REVIEW).then_some(ReviewId(self.subject))
    }
}

#[derive(Clone, Debug)]
pub struct LookUpReview {
    pub decided: DecidedReview,
    /// The payment of the case. Its account is called.
    pub payment: PaymentId,
}

impl Command for LookUpReview {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.decided.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.decided.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.review(self.decided.review);
        rows.payment(self.payment);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let review = self.decided.open(facts)?.clone();
        let own = facts.payments.get(self.payment).filter(|payment| payment.tenant == self.decided.tenant);
        let payment = own.ok_or(Refusal::PaymentNotFound)?;
        // Nothing can fail from here on.

        let origin = self.decided.origin();
        let mut draft = Draft::new(context, &origin);
        let job = NewJob {
            id: draft.id::<JobId>(),
            tenant: review.tenant,
            kind: &LOOK_UP,
            subject_kind: REVIEW,
            subject: review.id.0,
            concurrency_key: Some(payment.account.0),
            payload: "{}".to_owned(),
            due_at: context.now,
            deadline_at: None,
        };
        draft.audit(about(&review), "review_looked_up", None, None);
        draft.put(job.row(context.now));
        Ok(draft.reply(Reply::Review(Box::new(review))))
    }
}

/// The provider's object was applied, and both sides agree.
#[derive(Clone, Debug)]
pub struct CloseLookedUp {
    pub job: JobId,
    pub token: i64,
    pub review: ReviewId,
    /// The attempt of the case. While it has no outcome, the case stays open.
    pub attempt: Option<AttemptId>,
    pub resolution: String,
}

impl Command for CloseLookedUp {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(self.job);
        if let Some(attempt) = self.attempt {
            rows.attempt(attempt);
        }
        rows.review(self.review);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let held = held(facts, self.job, self.token)?;
        let review = facts.reviews.get(self.review).filter(|review| held.job.review() == Some(review.id));
        let review = review.filter(|review| review.attempt == self.attempt).ok_or(Refusal::ReviewNotFound)?;
        let attempt = self.attempt.and_then(|id| facts.attempts.get(id));
        if attempt.is_some_and(|attempt| attempt.state.is(attempt::State::Review)) {
            return Err(Refusal::NothingToDo);
        }
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        draft.resolve_review(review, self.resolution.clone());
        Ok(draft.done())
    }
}
