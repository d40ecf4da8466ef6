//! Products and slots, from the same JSON as the API takes and with the same checks.

use api::requests::{self, NewProduct, NewSlots};
use api::validation_errors::ValidationErrors;
use domain::ProductId;
use domain::commands::{AddSlots, CreateProduct, NewSlot, NewUnit};
use domain::provider::TenantProviders;
use domain::rows::{Actor, Tenant};
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::Store;
use uuid::Uuid;

use super::submit;

pub(super) async fn create_product(store: &Store, tenant: &Tenant, product: Value) -> Result<Value, String> {
    let NewProduct { name, description, time_zone, currency, units, taxes, metadata } =
        read(tenant, product)?;
    let accounts = store.accounts_of(tenant.id).await.map_err(|error| error.to_string())?;
    let mut names: Vec<String> = accounts.into_iter().map(|account| account.provider).collect();
    names.dedup();
    let unit = |unit: requests::NewUnit| NewUnit {
        name: unit.name,
        price_minor: unit.price.minor,
        seats: unit.seats,
    };
    let command = CreateProduct {
        claim: None,
        tenant: tenant.id,
        by: Actor::Person,
        name,
        description,
        time_zone,
        currency,
        units: units.into_iter().map(unit).collect(),
        taxes: taxes.into_iter().map(requests::NewTax::rule).collect(),
        metadata,
        providers: TenantProviders { names, amounts: providers::AMOUNTS },
    };
    submit(store, command).await?.view()
}

pub(super) async fn add_slots(
    store: &Store,
    tenant: &Tenant,
    product: Uuid,
    slots: Value,
) -> Result<Value, String> {
    let NewSlots { slots } = read(tenant, slots)?;
    let product = ProductId(product);
    let units = store.units(tenant.id, product).await.map_err(|error| error.to_string())?;
    let slot = |slot: &requests::NewSlot| NewSlot {
        starts_at: api::time::timestamp(slot.starts_at),
        capacity: slot.capacity,
    };
    let command = AddSlots {
        claim: None,
        tenant: tenant.id,
        by: Actor::Person,
        product,
        slots: slots.iter().map(slot).collect(),
        all_units: units.into_iter().map(|unit| unit.id).collect(),
    };
    submit(store, command).await?.view()
}

fn read<R: requests::Request + DeserializeOwned>(tenant: &Tenant, value: Value) -> Result<R, String> {
    if tenant.archived_at.is_some() {
        return Err("the tenant is archived".to_owned());
    }
    api::json::decode(value).map_err(|findings| sentence(&findings))
}

fn sentence(findings: &ValidationErrors) -> String {
    let each = findings.errors().iter().map(|error| format!("{} {}", error.pointer, error.detail));
    each.collect::<Vec<_>>().join("; ")
}
