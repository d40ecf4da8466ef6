//! Removes a saved payment method at its provider.
//!
//! | what the provider shows | what is done |
//! |---|---|
//! | no such method, or one of another customer | 404, and nothing is called |
//! | it is attached to this customer | the request is audited, it is detached, and that is audited |
//! | it is attached to nobody | done before: a detached method can never be attached again |
//!
//! A detached method cannot be attached to somebody else in between, so the look before the call is enough.

use api::Code;
use api::requests::SavedMethodRemoval;
use api::views::RemovedPaymentMethod;
use axum::Extension;
use axum::extract::State;
use domain::AttemptId;
use domain::commands::{AuditMethodRemoval, Origin};
use domain::provider::CallOutcome;
use domain::rows::Actor;
use providers::ObjectCall;

use super::saved_methods::{SavedOwner, at_provider, shown};
use crate::http::answer::Handled;
use crate::http::auth::AuthenticatedClient;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payments;
use crate::http::read_request::found;
use crate::http::write_request::UnkeyedRequest;
use crate::http::{App, RefusedRequest, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/saved_payment_methods/remove", "remove_saved_payment_method", handle)
        .about(
            "Remove a saved payment method",
            "It cannot be charged any more. The same request again is safe, and needs no idempotency key.",
        )
        .answers::<RemovedPaymentMethod>(200, "It is not saved any more.")
        .refuses(&[
            Code::ProviderAccountNotFound,
            Code::NotOfferedByProvider,
            Code::SavedMethodNotFound,
            Code::ProviderRejectedRequest,
            Code::ProviderUnavailable,
            Code::CommitOutcomeUnknown,
        ])
}

async fn handle(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    call: UnkeyedRequest<Payments, SavedMethodRemoval>,
) -> Handled {
    let caller = call.caller;
    let method = call.request.payment_method.clone();
    let owner = SavedOwner::find(&app, &caller, &call.request.owner()).await?;
    let Some(customer) = owner.object.as_deref() else { return Err(Code::SavedMethodNotFound.into()) };
    let removal = Removal { app: &app, caller: &caller, request_id: &request_id, owner: &owner, customer };
    let was_removed_before = at_provider(&app, &caller, removal.run(&method)).await?;
    Ok(found(&RemovedPaymentMethod { id: method, was_removed_before }))
}

struct Removal<'a> {
    app: &'a App,
    caller: &'a AuthenticatedClient,
    request_id: &'a RequestId,
    owner: &'a SavedOwner,
    /// The provider's id.
    customer: &'a str,
}

impl Removal<'_> {
    /// Whether it was removed before.
    async fn run(&self, method: &str) -> Result<bool, RefusedRequest> {
        if !self.is_attached(method).await? {
            return Ok(true);
        }
        self.audit(method, false).await?;
        // Each request has a key of its own: a stored error under a shared one would last for a day.
        let attempt = AttemptId(self.app.parts.ids.next());
        let action = ObjectCall { attempt, key_number: 0, object: method };
        let outcome = self.owner.provider.detach_method(action).await;
        if matches!(outcome, CallOutcome::Refused { .. }) && !self.is_attached(method).await? {
            // Somebody else was quicker.
            return Ok(true);
        }
        shown(outcome)?;
        self.audit(method, true).await?;
        Ok(false)
    }

    async fn is_attached(&self, method: &str) -> Result<bool, RefusedRequest> {
        let seen = shown(self.owner.provider.saved_method(method).await)?;
        match seen.map(|seen| seen.customer) {
            Some(None) => Ok(false),
            Some(Some(customer)) if customer == self.customer => Ok(true),
            _ => Err(Code::SavedMethodNotFound.into()),
        }
    }

    async fn audit(&self, method: &str, is_done: bool) -> Result<(), RefusedRequest> {
        let origin = Origin {
            request_id: Some(self.request_id.as_str().to_owned()),
            ..Origin::of(Actor::Client(self.caller.client))
        };
        let command = AuditMethodRemoval {
            tenant: self.caller.tenant,
            origin,
            customer: self.owner.customer,
            method: method.to_owned(),
            is_done,
        };
        self.app.store().submit(Box::new(command)).await?;
        Ok(())
    }
}
