//! Resolve a review case, with a person's note of what was found and done.
//!
//! | the case is | its attempt | its job |
//! |---|---|---|
//! | of an attempt in review | is written off | ends, or fetches a contradicted capture once more |
//! | about a dead job, its attempt not in review | is declined if it was never sent | ends |
//! | any other | | |
//!
//! If the person moved money at the provider, its events report that like any movement made there.

use alloc::boxed::Box;
use alloc::string::String;

use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::OpenJob;
use crate::commands::payment::{Discard, needs_of_discard};
use crate::ids::{AttemptId, ClientId, JobId, ReviewId, TenantId};
use crate::lifecycle::{attempt, job, review};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Job, Needs};
use crate::time::Timestamp;
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct ResolveReview {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    /// The client whose API key closes the case.
    pub client: ClientId,
    pub review: ReviewId,
    /// The case's attempt. Its rows are locked before the row of the case.
    pub attempt: Option<AttemptId>,
    pub resolution: String,
    /// The person's name, if the request has it.
    pub person: Option<String>,
}

impl ResolveReview {
    /// The attempt and job that end with the case, if they do.
    fn ending<'f>(
        &self,
        facts: &'f Facts,
        id: AttemptId,
        now: Timestamp,
    ) -> Result<Option<Ending<'f>>, Refusal> {
        let attempt = facts.attempts.get(id).ok_or(Refusal::ReviewNotFound)?;
        let job = facts.jobs.get(JobId::from(id)).ok_or(Refusal::ReviewNotFound)?;
        let in_review = attempt.state.is(attempt::State::Review);
        let dead = job.state.is(job::State::Dead);
        let own = self.review == ReviewId::of_attempt(id);
        if (in_review && !own) || (!in_review && !dead) {
            return Ok(None);
        }
        let payment = facts.payments.get(attempt.payment).ok_or(Refusal::PaymentNotFound)?;
        let job_after = OpenJob::of(job).map(|job| job.at_end(attempt, payment, now));
        Ok(Some(Ending { job_after, discard: Discard::of(facts, attempt, payment)?, closes_case: in_review }))
    }
}

struct Ending<'f> {
    /// `None` if the job is done already.
    job_after: Option<Job>,
    discard: Discard<'f>,
    closes_case: bool,
}

impl Command for ResolveReview {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        if let Some(attempt) = self.attempt {
            rows.job(JobId::from(attempt));
            rows.attempt(attempt)?;
        }
        rows.review(self.review);
        self.attempt.map_or(Some(()), |attempt| needs_of_discard(rows, attempt))
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let review = facts
            .reviews
            .get(self.review)
            .filter(|review| review.tenant == self.tenant && review.attempt == self.attempt)
            .ok_or(Refusal::ReviewNotFound)?;
        let resolved = review
            .resolved(self.resolution.clone(), context.now)
            .ok_or_else(|| Refusal::of_state(review.state, review::Event::Resolve))?;
        let ending = match self.attempt {
            Some(attempt) => self.ending(facts, attempt, context.now)?,
            None => None,
        };
        // Nothing can fail from here on.

        let origin = Origin {
            person: self.person.clone(),
            why: Some(self.resolution.clone()),
            ..Origin::of_request(Actor::Client(self.client), self.claim.as_ref())
        };
        let mut draft = Draft::new(context, &origin);
        let closed = ending.as_ref().is_some_and(|ending| ending.closes_case);
        if let Some(Ending { job_after, discard, .. }) = ending {
            if let Some(job) = job_after {
                draft.put(job);
            }
            discard.run(&mut draft, facts, &self.resolution);
        }
        if !closed {
            draft.resolve_review(review, self.resolution.clone());
        }
        Ok(draft.reply(Reply::Review(Box::new(resolved))))
    }
}
