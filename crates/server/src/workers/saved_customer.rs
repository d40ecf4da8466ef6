//! The customer at the provider whom a charge saves its payment method for, or whose saved one it uses.
//!
//! | what is known | next |
//! |---|---|
//! | nothing, and the charge saves no method | charge without a customer |
//! | nothing | make the customer, commit its id, and use what is committed |
//! | the id, committed by whomever | use it |
//! | the provider has lost the customer | forget the id; a charge that saves makes another customer |
//!
//! Making a customer moves no money. Two workers that make one at once do so under one key, and get one customer.
//! If the provider has forgotten the key, there are two: only the first one that was committed is ever used.

use domain::commands::RecordProviderCustomer;
use domain::provider::CallOutcome;
use domain::rows::{Failure, FailureCause, ProviderCustomer};
use domain::{CustomerId, ProviderCustomerId};
use providers::port::CUSTOMER_IS_MISSING;
use providers::{CustomerOrder, PaymentOrder};

use super::driver::{Drive, NoOutcome, goes_on_elsewhere, unreachable};
use super::report::DriveEnded;

pub(super) enum Resolved {
    /// The provider's id, if the charge has a customer there.
    Customer(Option<String>),
    /// There is none now, and the reason was submitted.
    Submitted,
}

impl Drive<'_> {
    pub(super) async fn customer(&self) -> Result<Resolved, DriveEnded> {
        let payment = &self.claimed.payment;
        let Some(customer) = payment.customer.filter(|_| self.provider.capabilities().saved_methods) else {
            return Ok(Resolved::Customer(None));
        };
        match self.known_customer(customer).await {
            Ok(Some(ProviderCustomer { object: Some(object), .. })) => Ok(Resolved::Customer(Some(object))),
            Ok(_) if payment.off_session => {
                let code = CUSTOMER_IS_MISSING.to_owned();
                let failure = Failure { code, retryable: false, cause: FailureCause::PaymentMethod };
                self.abandon(failure).await.map(|()| Resolved::Submitted)
            }
            Ok(_) if !payment.saves_method => Ok(Resolved::Customer(None)),
            Ok(known) => self.make_customer(customer, known.map_or(0, |known| known.version)).await,
            Err(error) => self.not_sent(&error).await.map(|()| Resolved::Submitted),
        }
    }

    async fn known_customer(&self, customer: CustomerId) -> Result<Option<ProviderCustomer>, String> {
        let account = self.claimed.payment.account;
        self.driver.store.provider_customer(account, customer).await.map_err(|error| error.to_string())
    }

    /// `version` is that of our row, or 0.
    async fn make_customer(&self, customer: CustomerId, version: i64) -> Result<Resolved, DriveEnded> {
        let payment = &self.claimed.payment;
        let order = CustomerOrder {
            id: ProviderCustomerId::of(payment.account, customer),
            version,
            key_number: self.claimed.attempt.key_number,
            tenant: payment.tenant,
            customer,
        };
        match self.provider.create_customer(&order).await {
            CallOutcome::Object(object) => {
                self.record_customer(customer, version, Some(object)).await?;
                match self.known_customer(customer).await {
                    Ok(Some(ProviderCustomer { object: Some(object), .. })) => {
                        return Ok(Resolved::Customer(Some(object)));
                    }
                    Ok(_) => self.not_sent("the customer was forgotten meanwhile").await?,
                    Err(error) => self.not_sent(&error).await?,
                }
            }
            CallOutcome::Refused { code, cause, .. } => {
                self.abandon(Failure { code, retryable: false, cause }).await?;
            }
            CallOutcome::NotSent { .. } | CallOutcome::Unknown { .. } if goes_on_elsewhere(self.claimed) => {
                self.abandon(unreachable()).await?;
            }
            CallOutcome::NotSent { error, .. } => self.not_sent(&error).await?,
            CallOutcome::Unknown { error, key_spent } => {
                self.try_later(NoOutcome { key_spent, ..NoOutcome::not_sent(&error) }).await?;
            }
        }
        Ok(Resolved::Submitted)
    }

    /// The provider refused to create the payment, because it does not have this customer any more.
    pub(super) async fn customer_is_missing(
        &self,
        order: &PaymentOrder,
        failure: Failure,
    ) -> Result<(), DriveEnded> {
        let payment = &self.claimed.payment;
        if let Some(customer) = payment.customer {
            let known = match self.known_customer(customer).await {
                Ok(known) => known,
                Err(error) => return self.not_sent(&error).await,
            };
            if let Some(known) = known.filter(|known| known.object == order.customer) {
                self.record_customer(customer, known.version, None).await?;
            }
        }
        if payment.saves_method {
            // The next create names another customer, so it needs another key.
            let no_outcome = NoOutcome { key_spent: true, ..NoOutcome::not_sent(&failure.code) };
            return self.try_later(no_outcome).await;
        }
        self.abandon(failure).await
    }

    async fn record_customer(
        &self,
        customer: CustomerId,
        version: i64,
        object: Option<String>,
    ) -> Result<(), DriveEnded> {
        let payment = &self.claimed.payment;
        let (tenant, account) = (payment.tenant, payment.account);
        let record = RecordProviderCustomer { tenant, account, customer, version, object };
        self.driver.submit(record).await.map(|_| ())
    }
}
