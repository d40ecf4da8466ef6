//! Driving a charge: make the object unconfirmed, commit its id, confirm it by id.
//!
//! Where the provider creates in one step, the create moves the money:
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | commit *sent*, create |
//! | sent, the answer lost | find the object by our reference; not found, the same create again under the same key |
//! | the same, past the key's retention | look again, never resend; at the deadline a person |
//!
//! A database that was restored to an earlier moment may not have a payment that its client repeats. If a
//! reconciliation has found its object at the provider, that is the payment's object, whatever the provider has
//! forgotten: it is committed as *sent* and fetched, and nothing is created.
//!
//! In two steps:
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | create (moves no money), commit the object's id as *sent*, confirm |
//! | sent, the reply lost | fetch the object |
//! | the object is unconfirmed | confirm again, if that is still wanted: by id, so at most once |
//! | the charge saves a payment method, or uses a saved one | before the create, make its customer at the provider and commit it (`saved_customer.rs`) |
//! | off session, the customer would have to act | nobody is there: declined as `authentication_required` |
//! | declined | store the reason, then cancel the object, so that it cannot succeed later; then it has failed |
//! | the customer confirms it, in the provider's form | never confirm it: reply to the client, and then as the row below; a decline does not end it |
//! | waits for the customer | reply to the client; check again later; cancel when called off or too late. A code that the provider does not end itself is cancelled when its time is over |
//! | authorised, captured, failed, cancelled | settle |
//! | a person has the case | fetch; a definite result settles it; cancel an unconfirmed object that is too late |

use domain::lifecycle::attempt::State;
use domain::provider::{CallOutcome, Observation, ProviderStatus, Source};
use domain::reply::{AttemptJob, ClaimedJob};
use domain::rows::{DifferenceKind, Failure, FailureCause};
use domain::{AttemptId, Money};
use fault_injection::InjectedFault;
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::port::CUSTOMER_IS_MISSING;
use providers::{Creation, PaymentOrder};

use super::driver::{Drive, Driver, NoOutcome, goes_on_elsewhere, unreachable};
use super::handlers::{JobHandler, JobOutcome};
use super::report::DriveEnded;
use super::saved_customer::Resolved;

/// The code of a decline off session because the bank wants the customer to authenticate.
const AUTHENTICATION_REQUIRED: &str = "authentication_required";

/// Works on the jobs that charge.
pub struct ChargeHandler(pub Driver);

impl JobHandler for ChargeHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        self.0.handle(claimed, |drive| drive.charge().boxed()).boxed()
    }
}

impl Drive<'_> {
    async fn charge(&self) -> Result<(), DriveEnded> {
        if let Some(ended) = self.finish_if_settled().await {
            return ended;
        }
        let creation = self.provider.capabilities().creation;
        if let Some(object) = self.lost_object().await? {
            self.mark_sent(Some(object.clone())).await?;
            return self.resume(&object).await;
        }
        match (*self.claimed.attempt.state, &self.claimed.payment.provider_ref) {
            (State::Created, _) if creation == Creation::OneStep => self.send_in_one_step().await,
            (State::Created, known) => match self.unconfirmed_object(known.clone()).await? {
                Some((object, seen)) => self.send(object, seen).await,
                None => Ok(()),
            },
            (_, Some(object)) => self.resume(object).await,
            (_, None) if creation == Creation::OneStep => self.find_or_send_again().await,
            (_, None) => self.outcome_unknown("sent without an object").await,
        }
    }

    fn order(&self, key_number: i64) -> PaymentOrder {
        let payment = &self.claimed.payment;
        PaymentOrder {
            attempt: AttemptId::from(payment.id),
            key_number,
            operation: payment.id,
            booking: payment.booking,
            tenant: payment.tenant,
            amount: payment.amount(),
            capture: payment.capture,
            method: payment.method(),
            payer: payment.payer.as_ref().map(|payer| payer.0.clone()),
            return_url: payment.return_url.clone(),
            metadata: payment.metadata.0.clone(),
            reference: payment.reference.clone(),
            // Only a create names it.
            customer: None,
            saves_method: payment.saves_method,
            off_session: payment.off_session,
            api: self.api(),
            made_at: payment.created_at,
        }
    }

    /// Before the first call what the account is set to now, and afterwards what was committed then.
    fn api(&self) -> Option<String> {
        let AttemptJob { attempt, payment, .. } = self.claimed;
        if attempt.state.is(State::Created) {
            return self.provider.provider.api(&payment.method()).map(str::to_owned);
        }
        attempt.provider_api.clone()
    }

    /// The object that a reconciliation has found under this payment's reference before the payment was made.
    async fn lost_object(&self) -> Result<Option<String>, DriveEnded> {
        let AttemptJob { attempt, payment, may_be_found, .. } = self.claimed;
        if !may_be_found || payment.provider_ref.is_some() || !attempt.state.is(State::Created) {
            return Ok(None);
        }
        match self.driver.store.differences_of_payments(payment.tenant, &[payment.id]).await {
            Ok(differences) => Ok(differences.into_iter().find_map(|difference| {
                let is_lost = difference.kind == DifferenceKind::PaymentUnknownHere
                    && difference.account == payment.account;
                is_lost.then_some(difference.object)
            })),
            Err(error) => self.not_sent(&error.to_string()).await.and(Err(DriveEnded)),
        }
    }

    /// The customer confirms the object, and we never do.
    fn is_by_customer(&self) -> bool {
        self.claimed.payment.is_confirmed_by_customer()
    }

    /// The id of the provider's object, which is made now if there is none. `None`: there is none,
    /// and the reason was submitted.
    async fn unconfirmed_object(
        &self,
        known: Option<String>,
    ) -> Result<Option<(String, Option<Observation>)>, DriveEnded> {
        if let Some(known) = known {
            return Ok(Some((known, None)));
        }
        let Resolved::Customer(customer) = self.customer().await? else { return Ok(None) };
        let order = PaymentOrder { customer, ..self.order(self.claimed.attempt.key_number) };
        match self.provider.create(&order).await {
            CallOutcome::Object(seen) => return Ok(Some((seen.object.clone(), Some(seen)))),
            CallOutcome::Refused { code, cause, .. } if code == CUSTOMER_IS_MISSING => {
                self.customer_is_missing(&order, Failure { code, retryable: false, cause }).await?;
            }
            CallOutcome::Refused { code, cause, .. } => {
                self.abandon(Failure { code, retryable: false, cause }).await?;
            }
            // A create moves no money, so the charge may go on elsewhere at once.
            CallOutcome::NotSent { .. } | CallOutcome::Unknown { .. } if goes_on_elsewhere(self.claimed) => {
                self.abandon(unreachable()).await?;
            }
            // Or it is simply repeated.
            CallOutcome::NotSent { error, .. } => self.not_sent(&error).await?,
            CallOutcome::Unknown { error, key_spent } => {
                self.try_later(NoOutcome { key_spent, ..NoOutcome::not_sent(&error) }).await?;
            }
        }
        Ok(None)
    }

    /// From the mark on, the customer may have the client secret, and money may move.
    async fn send(&self, object: String, seen: Option<Observation>) -> Result<(), DriveEnded> {
        match (self.mark_sent(Some(object.clone())).await?, seen) {
            (None, _) => self.cancel_object(&object, Source::Answer).await,
            (Some(_), Some(seen)) if self.is_by_customer() => self.conclude(seen, Source::Answer).await,
            (Some(_), None) if self.is_by_customer() => self.resume(&object).await,
            (Some(key), _) => self.confirm(&object, key).await,
        }
    }

    async fn confirm(&self, object: &str, key_number: i64) -> Result<(), DriveEnded> {
        let order = self.order(key_number);
        match self.provider.confirm(&order, object).await {
            CallOutcome::Object(seen) => self.conclude(seen, Source::Answer).await,
            CallOutcome::Refused { object: Some(seen), .. } if seen.status != ProviderStatus::Unconfirmed => {
                self.conclude(seen, Source::Answer).await
            }
            // It was refused, and would be again: nothing moved, so the attempt ends.
            CallOutcome::Refused { code, cause, .. } => {
                self.end_declined(object, Source::Answer, Failure { code, retryable: false, cause }).await
            }
            CallOutcome::NotSent { error, .. } => self.not_sent(&error).await,
            CallOutcome::Unknown { error, .. }
                if fault_injection::is(InjectedFault::UnknownTakenForFailed) =>
            {
                self.record_decline(Failure { code: error, retryable: true, cause: FailureCause::Declined })
                    .await?;
                let Money { minor: amount_minor, currency } = order.amount;
                let object = object.to_owned();
                let given_up = Observation {
                    object,
                    status: ProviderStatus::Cancelled,
                    amount_minor,
                    currency,
                    capture_before: None,
                    saved_method: None,
                    incoming: Vec::new(),
                };
                self.settle(given_up, Source::Answer, None).await
            }
            CallOutcome::Unknown { error, key_spent } => {
                self.try_later(NoOutcome { key_spent, ..NoOutcome::lost(&error) }).await
            }
        }
    }

    /// After a crash or a lost reply: fetches the object to find its state.
    async fn resume(&self, object: &str) -> Result<(), DriveEnded> {
        match self.provider.fetch(object).await.shown() {
            Ok(seen) if self.may_confirm(&seen) => match self.mark_sent(None).await? {
                Some(key) => self.confirm(object, key).await,
                None => self.settle(seen, Source::Fetched, None).await,
            },
            Ok(seen) => self.conclude(seen, Source::Fetched).await,
            Err(why) => self.outcome_unknown(&why).await,
        }
    }

    fn may_confirm(&self, seen: &Observation) -> bool {
        seen.status == ProviderStatus::Unconfirmed && !self.is_by_customer() && !self.must_end()
    }

    /// Nothing was sent yet. The create moves the money, so the attempt is committed as sent first.
    async fn send_in_one_step(&self) -> Result<(), DriveEnded> {
        if fault_injection::is(InjectedFault::OneStepSentAfterCall) {
            let made = self.provider.create(&self.order(self.claimed.attempt.key_number)).await;
            self.mark_sent(None).await?;
            return match made {
                CallOutcome::Object(seen) => self.conclude(seen, Source::Answer).await,
                _ => self.outcome_unknown("the answer was lost").await,
            };
        }
        match self.mark_sent(None).await? {
            Some(key) => self.create(key).await,
            None => self.abandon(Failure::not_sent("called_off", false)).await,
        }
    }

    /// The reply to a create was lost. What our reference finds is the payment's object. Finding nothing
    /// proves nothing, so the same call is made again, while its key protects.
    async fn find_or_send_again(&self) -> Result<(), DriveEnded> {
        match self.provider.find(&self.order(self.claimed.attempt.key_number)).await.shown() {
            Ok(Some(seen)) => self.conclude(seen, Source::Fetched).await,
            Ok(None) if !self.key_still_protects() => {
                self.outcome_unknown("not found, and too old to be sent again").await
            }
            Ok(None) => match self.mark_sent(None).await? {
                Some(key) => self.create(key).await,
                None => self.outcome_unknown("not found, and not sent again").await,
            },
            Err(why) => self.outcome_unknown(&why).await,
        }
    }

    /// Creates the object, which moves the money. A refusal says nothing of an earlier call whose reply
    /// was lost; only when there was none does it end the attempt.
    async fn create(&self, key_number: i64) -> Result<(), DriveEnded> {
        let is_first = self.claimed.attempt.state.is(State::Created);
        match self.provider.create(&self.order(key_number)).await {
            CallOutcome::Object(seen) => self.conclude(seen, Source::Answer).await,
            CallOutcome::Refused { code, cause, .. } if is_first => {
                self.abandon_refused(Failure { code, retryable: false, cause }).await
            }
            CallOutcome::Refused { code, .. } => self.outcome_unknown(&code).await,
            // The only call was not sent.
            CallOutcome::NotSent { .. } if goes_on_elsewhere(self.claimed) => {
                self.abandon_refused(unreachable()).await
            }
            CallOutcome::NotSent { error, .. } => self.not_sent(&error).await,
            CallOutcome::Unknown { error, key_spent } => {
                self.try_later(NoOutcome { key_spent, ..NoOutcome::lost(&error) }).await
            }
        }
    }

    async fn conclude(&self, seen: Observation, source: Source) -> Result<(), DriveEnded> {
        match &seen.status {
            // The customer may try again in the form.
            ProviderStatus::Declined(_) if self.is_by_customer() && !self.must_end() => {
                self.settle(seen, source, None).await
            }
            ProviderStatus::Declined(failure) => {
                self.end_declined(&seen.object, source, failure.clone()).await
            }
            ProviderStatus::NeedsAction(_) if self.claimed.payment.off_session => {
                let code = AUTHENTICATION_REQUIRED.to_owned();
                let failure = Failure { code, retryable: true, cause: FailureCause::Declined };
                self.end_declined(&seen.object, source, failure).await
            }
            ProviderStatus::NeedsAction(next) if self.waits_too_long(next) => {
                self.cancel_object(&seen.object, source).await
            }
            ProviderStatus::Unconfirmed if self.must_end() => self.cancel_object(&seen.object, source).await,
            _ => self.settle(seen, source, None).await,
        }
    }

    /// The reason is stored first, because the reply to the cancel does not contain it and may be
    /// lost.
    async fn end_declined(&self, object: &str, source: Source, failure: Failure) -> Result<(), DriveEnded> {
        self.record_decline(failure).await?;
        self.cancel_object(object, source).await
    }

    /// Cancels the object at the provider. Only a successful cancel proves that no money moved.
    async fn cancel_object(&self, object: &str, source: Source) -> Result<(), DriveEnded> {
        match self.provider.cancel(self.cancel_action(object)).await {
            CallOutcome::Object(seen) => self.settle(seen, source, None).await,
            // The object changed meanwhile; its state shows how.
            CallOutcome::Refused { object: Some(seen), .. }
                if !matches!(seen.status, ProviderStatus::Declined(_)) =>
            {
                self.settle(seen, source, None).await
            }
            CallOutcome::Refused { code: error, .. }
            | CallOutcome::NotSent { error, .. }
            | CallOutcome::Unknown { error, .. } => self.outcome_unknown(&error).await,
        }
    }
}
