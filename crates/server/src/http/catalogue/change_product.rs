//! `PATCH /v1/products/{id}`: changes a product, its units, or both.

use api::findings::Findings;
use api::requests::{ChangedProduct, ChangedUnit};
use axum::extract::State;
use domain::commands::{ChangeProduct, NewUnit, UnitChange};
use domain::{Currency, ProductId, Refusal, UnitId};

use crate::http::answer::Handled;
use crate::http::call::{Call, Id};
use crate::http::hot_path::submit;
use crate::http::permission::Catalogue;
use crate::http::{App, Refused};

pub async fn change(State(app): State<App>, Id(id): Id, call: Call<Catalogue, ChangedProduct>) -> Handled {
    let (tenant, request) = (call.caller.tenant, call.request);
    let product = app.store().product(tenant, ProductId(id)).await?.ok_or(Refusal::ProductNotFound)?;
    check_currency(&request.units, product.currency)?;
    let all_units = app.store().units(tenant, product.id).await?;
    let (changes, new): (Vec<ChangedUnit>, Vec<ChangedUnit>) =
        request.units.into_iter().partition(|unit| unit.id.is_some());
    let command = ChangeProduct {
        claim: call.claim,
        tenant,
        client: call.caller.client,
        product: product.id,
        name: request.name,
        description: request.description,
        active: request.active,
        metadata: request.metadata,
        units: changes.into_iter().filter_map(changed).collect(),
        new_units: new.into_iter().filter_map(added).collect(),
        all_units: all_units.into_iter().map(|unit| unit.id).collect(),
    };
    submit(&app, command).await
}

/// The product's currency never changes, so what a query read of it holds.
fn check_currency(units: &[ChangedUnit], currency: Currency) -> Result<(), Refused> {
    let mut findings = Findings::default();
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
    Some(NewUnit { name: unit.name?, price_minor: unit.price?.minor, places: unit.places.unwrap_or(1) })
}
