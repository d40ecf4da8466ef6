//! Checking an authorisation: fetches its object, and settles what it shows. It moves no money, so it may
//! run twice, late, or beside the driver of an attempt.

use std::sync::Arc;

use domain::commands::{ObservedBy, Settle};
use domain::lifecycle::payment;
use domain::provider::Source;
use domain::reply::ClaimedJob;
use domain::rows::{Job, Payment};
use domain::{AttemptId, PaymentId};
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::Provider;

use super::driver::Driver;
use super::handlers::{JobHandler, JobOutcome};

/// Works on the jobs that check authorisations.
pub struct CheckAuthorizationHandler(pub Driver);

impl JobHandler for CheckAuthorizationHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        async {
            let ClaimedJob::Standalone(job) = claimed else {
                return JobOutcome::Failed("the job is of an attempt".to_owned());
            };
            match self.check(job).await {
                Ok(outcome) => outcome,
                Err(why) => JobOutcome::Failed(why),
            }
        }
        .boxed()
    }
}

impl CheckAuthorizationHandler {
    async fn check(&self, job: &Job) -> Result<JobOutcome, String> {
        let store = &self.0.store;
        let found =
            store.payment(job.tenant, PaymentId(job.subject)).await.map_err(|error| error.to_string())?;
        // Meanwhile it may have been captured or released.
        let authorized = found.filter(|payment| payment.state.is(payment::State::Authorized));
        let Some((payment, object)) = authorized.and_then(with_object) else { return Ok(JobOutcome::Done) };
        let provider: Arc<dyn Provider> =
            self.0.registry.get(payment.account).ok_or("the account is not configured")?;
        let observation = provider.fetch(&object).await.shown()?;
        let settle = Settle {
            by: ObservedBy::LookUp { job: job.id, token: job.token },
            payment: payment.id,
            attempt: AttemptId::from(payment.id),
            observation,
            source: Source::Fetched,
            refused: None,
            recheck: self.0.pace.recheck_delays(),
            deadline: self.0.operation_deadline,
        };
        // If it was refused, the job is no longer this worker's.
        Ok(self.0.submit(settle).await.map_or(JobOutcome::Reported, |_| JobOutcome::Done))
    }
}

fn with_object(payment: Payment) -> Option<(Payment, String)> {
    let object = payment.provider_ref.clone()?;
    Some((payment, object))
}
