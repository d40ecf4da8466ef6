use api::Code;
use api::requests::NewBeneficiary;
use api::views::Beneficiary;
use axum::extract::State;
use domain::commands::CreateBeneficiary;
use domain::{AccountId, Refusal};
use providers::Payouts as PayoutsOffered;

use crate::http::answer::Handled;
use crate::http::auth::AuthenticatedClient;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::submit::submit;
use crate::http::write_request::KeyedRequest;
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/beneficiaries", "create_beneficiary", handle)
        .about("Create a beneficiary", "Somebody who gets a share of bookings, in the mode of this key.")
        .answers::<Beneficiary>(201, "The beneficiary.")
        .refuses(&[Code::ProviderAccountNotFound, Code::PayoutsAreNotOffered])
}

/// The caller's account at this provider, which pays transfers.
pub fn paying_account(
    app: &App,
    caller: &AuthenticatedClient,
    provider: &str,
) -> Result<AccountId, RefusedRequest> {
    let accounts = app.parts.accounts.accounts(caller.tenant, caller.mode);
    let own = accounts.into_iter().find(|account| account.provider == provider);
    let account = own.ok_or(Refusal::AccountNotFound)?;
    let adapter = providers::adapter::find(provider);
    if adapter.is_some_and(|adapter| adapter.payouts == PayoutsOffered::None) {
        return Err(Refusal::PayoutsAreNotOffered.into());
    }
    Ok(account.id)
}

async fn handle(State(app): State<App>, call: KeyedRequest<Payouts, NewBeneficiary>) -> Handled {
    let (caller, request) = (call.caller, call.request);
    let transfer = match request.provider.zip(request.destination) {
        Some((provider, destination)) => Some((paying_account(&app, &caller, &provider)?, destination)),
        None => None,
    };
    let command = CreateBeneficiary {
        claim: call.claim,
        mode: caller.mode,
        name: request.name,
        transfer,
        metadata: request.metadata,
    };
    submit(&app, command).await
}
