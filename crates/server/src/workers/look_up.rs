//! Looks a review case up: fetches the object of its payment and its refunds, and settles what they show. If
//! the provider and our books agree then, the case is closed.
//!
//! What contradicts our books is not submitted again: the case says it already, and a person decides.

use domain::commands::{CloseLookedUp, ObservedBy, RefundOutcome, Settle, SettleRefund};
use domain::lifecycle::State as _;
use domain::lifecycle::payment::State;
use domain::provider::{PaymentAtProvider, RefundAtProvider, Source};
use domain::reconciliation::{compare_payment, compare_refund};
use domain::reply::ClaimedJob;
use domain::rows::{DifferenceKind, Job, Payment, Refund, Review, Subject};
use domain::working_set::Command;
use domain::{AttemptId, PaymentId, RefundId, Timestamp};
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::Provider;
use store::CommandResult;

use super::driver::Driver;
use super::handlers::{JobHandler, JobOutcome};

/// Works on the jobs that look review cases up.
pub struct LookUpHandler(pub Driver);

impl JobHandler for LookUpHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        async {
            match self.look_up(claimed.job()).await {
                Ok(()) => JobOutcome::Done,
                Err(why) => JobOutcome::Failed(why),
            }
        }
        .boxed()
    }
}

/// The payment that a case is about.
pub async fn payment_of_case(store: &store::Store, review: &Review) -> Result<Option<Payment>, store::Error> {
    let tenant = review.tenant;
    let payment = match (review.attempt, review.subject_kind) {
        (Some(attempt), _) => store.attempt(tenant, attempt).await?.map(|attempt| attempt.payment),
        (None, Subject::Payment) => Some(PaymentId(review.subject)),
        (None, Subject::Refund) => {
            store.refund(tenant, RefundId(review.subject)).await?.map(|refund| refund.payment)
        }
        (None, _) => None,
    };
    match payment {
        Some(payment) => store.payment(tenant, payment).await,
        None => Ok(None),
    }
}

fn described(error: impl ToString) -> String {
    error.to_string()
}

impl LookUpHandler {
    async fn look_up(&self, job: &Job) -> Result<(), String> {
        let store = &self.0.store;
        let id = job.review().ok_or("the job is of no review case")?;
        let Some(review) = store.review(job.tenant, id).await.map_err(described)? else { return Ok(()) };
        let Some(payment) = payment_of_case(store, &review).await.map_err(described)? else { return Ok(()) };
        let provider = self.0.registry.get(payment.account);
        let provider = provider.ok_or("no provider is configured for the account")?;
        let Some(object) = payment.provider_ref.clone() else { return Ok(()) };
        let mut agrees = self.settle_payment(job, &review, &payment, provider.as_ref(), &object).await?;
        agrees &= self.settle_refunds(job, &payment, provider.as_ref(), &object).await?;
        if agrees {
            let close = CloseLookedUp {
                job: job.id,
                token: job.token,
                review: review.id,
                attempt: review.attempt,
                resolution: "the provider's object was fetched, and our books agree with it".to_owned(),
            };
            self.submit(close).await?;
        }
        Ok(())
    }

    fn by(job: &Job) -> ObservedBy {
        ObservedBy::LookUp { job: job.id, token: job.token }
    }

    /// Whether our payment agrees with its object, after what it shows was applied.
    async fn settle_payment(
        &self,
        job: &Job,
        review: &Review,
        payment: &Payment,
        provider: &dyn Provider,
        object: &str,
    ) -> Result<bool, String> {
        let observation = provider.fetch(object).await.shown()?;
        let seen = PaymentAtProvider {
            reference: Some(payment.id),
            observation: observation.clone(),
            refunded_minor: None,
            created_at: payment.created_at,
        };
        let is_ahead = |kind| matches!(kind, DifferenceKind::CapturedNotHere | DifferenceKind::StateBehind);
        let difference = compare_payment(&seen, payment);
        let ended_without_money = payment.state.is_final() && !payment.state.is(State::Captured);
        if difference.is_some_and(|found| !is_ahead(found.kind) || ended_without_money) {
            return Ok(false);
        }
        let charge = AttemptId::from(payment.id);
        // The attempt of a refund is settled with its refund.
        let of_refund = match review.attempt {
            Some(AttemptId(id)) => {
                self.0.store.refund(payment.tenant, RefundId(id)).await.map_err(described)?
            }
            None => None,
        };
        let attempt = review.attempt.filter(|_| of_refund.is_none()).unwrap_or(charge);
        let settle = Settle {
            by: Self::by(job),
            payment: payment.id,
            attempt,
            observation,
            source: Source::Fetched,
            refused: None,
            recheck: self.0.pace.recheck_delays(),
            deadline: self.0.operation_deadline,
        };
        self.submit(settle).await?;
        let after = self.0.store.payment(payment.tenant, payment.id).await.map_err(described)?;
        Ok(after.is_some_and(|after| compare_payment(&seen, &after).is_none()))
    }

    /// The same for its refunds.
    async fn settle_refunds(
        &self,
        job: &Job,
        payment: &Payment,
        provider: &dyn Provider,
        object: &str,
    ) -> Result<bool, String> {
        let mut agrees = true;
        for listed in provider.refunds_of(object).await.shown()? {
            let seen = RefundAtProvider {
                reference: listed.refund,
                payment_object: object.to_owned(),
                observation: listed.observation.clone(),
                created_at: Timestamp(0),
            };
            let own = self.own_refund(payment, &seen).await?;
            if own.as_ref().is_some_and(|own| compare_refund(&seen, own).is_none()) {
                continue;
            }
            let outside = RefundId::at_provider(payment.account, &seen.observation.object);
            let settle = SettleRefund {
                by: Self::by(job),
                refund: own.as_ref().map_or(outside, |own| own.id),
                payment: payment.id,
                outcome: RefundOutcome::Seen(listed.observation),
                mark: if own.is_none() { seen.reference } else { None },
                may_be_ours: !provider.capabilities().refunds_carry_reference,
                recheck: self.0.pace.recheck_delays(),
            };
            let is_new = payment.contradicted_at.is_none();
            if is_new {
                self.submit(settle).await?;
            }
            let after = self.own_refund(payment, &seen).await?;
            agrees &= after.is_some_and(|after| compare_refund(&seen, &after).is_none());
        }
        Ok(agrees)
    }

    async fn own_refund(&self, payment: &Payment, seen: &RefundAtProvider) -> Result<Option<Refund>, String> {
        let outside = RefundId::at_provider(payment.account, &seen.observation.object);
        let ids: Vec<RefundId> = seen.reference.into_iter().chain([outside]).collect();
        let objects = [seen.observation.object.clone()];
        let found =
            self.0.store.refunds_to_compare(payment.tenant, &objects, &ids).await.map_err(described)?;
        Ok(found.into_iter().find(|refund| refund.payment == payment.id))
    }

    /// A refusal leaves the case to its person.
    async fn submit(&self, command: impl Command + 'static) -> Result<(), String> {
        match self.0.store.submit(Box::new(command)).await {
            Ok(CommandResult::Fresh { .. } | CommandResult::Refused { .. }) => Ok(()),
            Ok(answer) => Err(format!("the command was answered with {}", answer.name())),
            Err(unavailable) => Err(unavailable.to_string()),
        }
    }
}
