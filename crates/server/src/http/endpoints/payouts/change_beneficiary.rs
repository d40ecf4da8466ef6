use api::Code;
use api::requests::{BeneficiaryMethod, ChangedBeneficiary};
use api::views::Beneficiary;
use axum::extract::State;
use domain::BeneficiaryId;
use domain::commands::{BeneficiaryTransfer, ChangeBeneficiary};
use domain::rows::Actor;

use super::create_beneficiary::paying_account;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::patch("/v1/beneficiaries/{id}", "change_beneficiary", handle)
        .about(
            "Change a beneficiary",
            "What is absent stays. Payouts that are scheduled keep the destination that they have; later ones \
             have the new one. With `active: false` no new split rule may name it, and a person pays what is \
             still released for it.",
        )
        .answers::<Beneficiary>(200, "The beneficiary as it is now.")
        .refuses(&[Code::BeneficiaryNotFound, Code::ProviderAccountNotFound, Code::PayoutsAreNotOffered])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: WriteRequest<Payouts, ChangedBeneficiary>,
) -> Handled {
    let (caller, request) = (call.caller, call.request);
    let transfer = match (request.method, request.provider.zip(request.destination)) {
        (Some(BeneficiaryMethod::Transfer), Some((provider, destination))) => {
            Some(BeneficiaryTransfer::To(paying_account(&app, &caller, &provider)?, destination))
        }
        (Some(BeneficiaryMethod::Manual), _) => Some(BeneficiaryTransfer::Manual),
        _ => None,
    };
    let command = ChangeBeneficiary {
        claim: call.claim,
        tenant: caller.tenant,
        by: Actor::Client(caller.client),
        mode: caller.mode,
        beneficiary: BeneficiaryId(id),
        name: request.name,
        transfer,
        metadata: request.metadata,
        active: request.active,
    };
    submit(&app, command).await
}
