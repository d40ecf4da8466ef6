use api::Code;
use api::requests::NewCancellationPolicy;
use api::validation_errors::ValidationErrors;
use api::views::Product;
use axum::extract::State;
use domain::commands::SetCancellationPolicy;
use domain::rows::Actor;
use domain::{ProductId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::{submit_once, submit_over_product};
use crate::http::write_request::{Id, WriteRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/products/{id}/cancellation_policy", "set_cancellation_policy", handle)
        .about(
            "Set a product's cancellation policy",
            "Says what customers get back who cancel. Bookings keep the policy they were made under. Without a preset \
             and without rules nothing goes back.",
        )
        .answers::<Product>(200, "The product with its policy.")
        .refuses(&[Code::ProductNotFound, Code::ChangedMeanwhile])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: WriteRequest<Catalogue, NewCancellationPolicy>,
) -> Handled {
    let tenant = call.caller.tenant;
    let product = app.store().product(tenant, ProductId(id)).await?.ok_or(Refusal::ProductNotFound)?;
    // The product's currency never changes, so what a query read of it holds.
    let mut findings = ValidationErrors::default();
    for pointer in call.request.foreign_fees(product.currency) {
        findings.add(pointer, "is not the product's currency");
    }
    findings.none_or(())?;
    let command = SetCancellationPolicy {
        claim: call.claim,
        tenant,
        by: Actor::Client(call.caller.client),
        product: product.id,
        policy: call.request.policy(),
        version: product.version,
        all_units: Vec::new(),
    };
    let claim = command.claim.clone();
    let over = |version, all_units| SetCancellationPolicy { version, all_units, ..command.clone() };
    submit_once(&app, claim.as_ref(), |_| submit_over_product(&app, tenant, product.id, over)).await
}
