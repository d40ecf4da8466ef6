use api::Code;
use api::requests::{NewPortion, NewSplit};
use api::validation_errors::ValidationErrors;
use api::views::Product;
use axum::extract::State;
use domain::commands::SetSplit;
use domain::rows::Actor;
use domain::split::{Portion, Share, SplitRule};
use domain::{BeneficiaryId, Currency, ProductId, Refusal};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::submit::{submit_once, submit_over_product};
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/products/{id}/split", "set_split", handle)
        .about(
            "Set a product's split",
            "Says how the money of its bookings is divided. Bookings keep the rule they were made under. \
             Without shares the money is not divided.",
        )
        .answers::<Product>(200, "The product with its split.")
        .refuses(&[
            Code::ProductNotFound,
            Code::BeneficiaryNotFound,
            Code::BeneficiaryIsInactive,
            Code::ChangedMeanwhile,
        ])
}

async fn handle(State(app): State<App>, Id(id): Id, call: WriteRequest<Payouts, NewSplit>) -> Handled {
    let tenant = call.caller.tenant;
    let product = app.store().product(tenant, ProductId(id)).await?.ok_or(Refusal::ProductNotFound)?;
    check_currency(&call.request, product.currency)?;
    let command = SetSplit {
        claim: call.claim,
        tenant,
        by: Actor::Client(call.caller.client),
        mode: call.caller.mode,
        product: product.id,
        split: rule(&call.request),
        version: product.version,
        all_units: Vec::new(),
    };
    let claim = command.claim.clone();
    let over = |version, all_units| SetSplit { version, all_units, ..command.clone() };
    submit_once(&app, claim.as_ref(), |_| submit_over_product(&app, tenant, product.id, over)).await
}

/// The product's currency never changes, so what a query read of it holds.
fn check_currency(split: &NewSplit, currency: Currency) -> Result<(), RefusedRequest> {
    let mut findings = ValidationErrors::default();
    for pointer in split.foreign_sums(currency) {
        findings.add(pointer, "is not the product's currency");
    }
    Ok(findings.none_or(())?)
}

/// `None` without shares: the money is not divided.
fn rule(split: &NewSplit) -> Option<SplitRule> {
    let portion = |basis_points: Option<i64>, fixed: Option<api::Money>| Portion {
        basis_points: basis_points.unwrap_or_default(),
        fixed_minor: fixed.map_or(0, |fixed| fixed.minor),
    };
    let share = |share: &api::requests::NewShare| Share {
        beneficiary: BeneficiaryId(share.beneficiary_id),
        portion: portion(share.basis_points, share.fixed),
    };
    let NewPortion { basis_points, fixed } = split.platform_fee.unwrap_or_default();
    (!split.shares.is_empty()).then(|| SplitRule {
        platform_fee: portion(basis_points, fixed),
        shares: split.shares.iter().map(share).collect(),
        remainder: split.remainder_to.map(BeneficiaryId),
        release_after_days: split.release_after_days.unwrap_or_default(),
    })
}
