//! The customer whose saved payment methods a request is about, and the calls to the provider that has them.
//!
//! These requests are answered by the provider, while the client waits: nothing of a card is stored here. They
//! take turns of their own, have one deadline, and pass the account's circuit like every other call.

use std::sync::Arc;
use std::time::Duration;

use api::Code;
use api::requests::SavedMethodsQuery;
use api::validation_errors::ValidationErrors;
use domain::CustomerId;
use domain::provider::CallOutcome;
use providers::Provider;

use super::create_payment::no_account;
use crate::http::auth::AuthenticatedClient;
use crate::http::{App, RefusedRequest};
use crate::ports::PaymentAccount;

/// For all calls of a request together.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A customer at an account.
pub struct SavedOwner {
    pub customer: CustomerId,
    pub account: PaymentAccount,
    pub provider: Arc<dyn Provider>,
    /// The provider's id. `None`: nothing was ever saved for the customer at this account.
    pub object: Option<String>,
}

impl SavedOwner {
    pub async fn find(
        app: &App,
        caller: &AuthenticatedClient,
        wanted: &SavedMethodsQuery,
    ) -> Result<SavedOwner, RefusedRequest> {
        let accounts = app.parts.accounts.accounts(caller.tenant, caller.mode);
        let (provider, name) = (wanted.provider.as_deref(), wanted.account.as_deref());
        let is_named = |account: &&PaymentAccount| {
            provider.is_none_or(|provider| provider == account.provider)
                && name.is_none_or(|name| name == account.name)
        };
        let saves = |account: &&PaymentAccount| {
            providers::adapter::find(&account.provider).is_some_and(|adapter| adapter.methods.saved_methods)
        };
        let Some(first) = accounts.iter().find(is_named) else {
            return Err(no_account(caller, provider, name, &accounts));
        };
        let account = accounts.iter().filter(is_named).find(saves).ok_or_else(|| {
            let mut findings = ValidationErrors::default();
            findings.add("/provider", format!("payment methods are not saved at {}", first.provider));
            RefusedRequest::not_offered(findings)
        })?;
        let customer = CustomerId::of_reference(caller.tenant, &wanted.customer);
        let known = app.store().provider_customer(account.id, customer).await?;
        let provider = app.parts.providers.get(account.id).ok_or(Code::InternalError)?;
        let object = known.and_then(|known| known.object);
        Ok(SavedOwner { customer, account: account.clone(), provider, object })
    }
}

/// Waits for a turn and then for the provider, no longer than the deadline.
pub async fn at_provider<T>(
    app: &App,
    caller: &AuthenticatedClient,
    calls: impl Future<Output = Result<T, RefusedRequest>>,
) -> Result<T, RefusedRequest> {
    let _turn = app.provider_turns.take(caller.tenant).await?;
    let out_of_time = |_| RefusedRequest::from(Code::ProviderUnavailable);
    tokio::time::timeout(DEADLINE, calls).await.map_err(out_of_time)?
}

/// A call whose refusal means nothing particular.
pub fn shown<T>(outcome: CallOutcome<T>) -> Result<T, RefusedRequest> {
    match outcome {
        CallOutcome::Object(object) => Ok(object),
        CallOutcome::Refused { code, .. } => {
            Err(RefusedRequest::from(Code::ProviderRejectedRequest).because(code))
        }
        CallOutcome::NotSent { error, .. } | CallOutcome::Unknown { error, .. } => {
            Err(RefusedRequest::from(Code::ProviderUnavailable).because(error))
        }
    }
}
