use api::Code;
use api::requests::{ChangedProduct, ChangedUnit, NewTax};
use api::validation_errors::ValidationErrors;
use api::views::Product;
use axum::extract::State;
use domain::commands::{ChangeProduct, NewUnit, UnitChange};
use domain::{Currency, ProductId, Refusal, UnitId};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::{submit_once, submit_over_product};
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::patch("/v1/products/{id}", "change_product", handle)
        .about("Change a product", "What is absent stays. Bookings keep the prices they were made at.")
        .answers::<Product>(200, "The product as it is now.")
        .refuses(&[
            Code::ProductNotFound,
            Code::UnitNotFound,
            Code::UnitIsNotOfThisProduct,
            Code::CurrencyIsNotTaken,
            Code::AmountIsNotPayable,
            Code::AmountIsTooLarge,
            Code::TooManyUnits,
            Code::ChangedMeanwhile,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: WriteRequest<Catalogue, ChangedProduct>,
) -> Handled {
    let (tenant, request) = (call.caller.tenant, call.request);
    let product = app.store().product(tenant, ProductId(id)).await?.ok_or(Refusal::ProductNotFound)?;
    check_currency(&request.units, product.currency)?;
    let (changes, new): (Vec<ChangedUnit>, Vec<ChangedUnit>) =
        request.units.into_iter().partition(|unit| unit.id.is_some());
    let command = ChangeProduct {
        claim: call.claim,
        tenant,
        by: domain::rows::Actor::Client(call.caller.client),
        product: product.id,
        name: request.name,
        description: request.description,
        active: request.active,
        taxes: request.taxes.map(|taxes| taxes.into_iter().map(NewTax::rule).collect()),
        metadata: request.metadata,
        units: changes.into_iter().filter_map(changed).collect(),
        new_units: new.into_iter().filter_map(added).collect(),
        providers: app.parts.tenant_providers(&call.caller),
        version: product.version,
        all_units: Vec::new(),
    };
    let claim = command.claim.clone();
    let over = |version, all_units| ChangeProduct { version, all_units, ..command.clone() };
    submit_once(&app, claim.as_ref(), |_| submit_over_product(&app, tenant, product.id, over)).await
}

/// The product's currency never changes, so what a query read of it holds.
fn check_currency(units: &[ChangedUnit], currency: Currency) -> Result<(), RefusedRequest> {
    let mut findings = ValidationErrors::default();
    for (index, unit) in units.iter().enumerate() {
        if unit.price.is_some_and(|price| price.currency != currency) {
            findings.add(format!("/units/{index}/price/currency"), "is not the product's currency");
        }
    }
    Ok(findings.none_or(())?)
}

fn changed(unit: ChangedUnit) -> Option<UnitChange> {
    Some(UnitChange {
        id: UnitId(unit.id?),
        name: unit.name,
        price_minor: unit.price.map(|price| price.minor),
        active: unit.active,
    })
}

/// Its name and price were asked for when it was read.
fn added(unit: ChangedUnit) -> Option<NewUnit> {
    Some(NewUnit { name: unit.name?, price_minor: unit.price?.minor, seats: unit.seats.unwrap_or(1) })
}
