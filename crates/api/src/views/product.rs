//! A product and the prices of its seats.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CancellationPolicy, Metadata, ProductTax, Requirement, Split};
use crate::{Money, time};

/// What is sold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    pub id: Uuid,
    pub name: String,
    pub description: String,
    /// IANA zone of the place of the product.
    #[schema(example = "Europe/Lisbon")]
    pub time_zone: String,
    /// ISO 4217; the currency of every price of the product.
    #[schema(example = "EUR")]
    pub currency: String,
    /// Whether the product is on sale. It can be booked while one of its units is on sale too.
    pub active: bool,
    pub units: Vec<Unit>,
    /// How the money of its bookings is divided. `null`: it all belongs to the tenant.
    #[serde(default)]
    pub split: Option<Split>,
    /// What customers get back who cancel. `null`: nothing. Bookings keep the policy they were made under.
    #[serde(default)]
    pub cancellation_policy: Option<CancellationPolicy>,
    /// From the start to the end of a slot. `null`: unknown.
    #[serde(default)]
    pub duration_minutes: Option<i64>,
    /// What each slot needs of resources.
    #[serde(default)]
    pub resources: Vec<Requirement>,
    /// In the order in which they are shown. Bookings keep the taxes that they were made with.
    #[serde(default)]
    pub taxes: Vec<ProductTax>,
    pub metadata: Metadata,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

/// One kind of ticket, with its price and the seats that one of it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unit {
    pub id: Uuid,
    #[schema(example = "Adult")]
    pub name: String,
    pub price: Money,
    /// Seats of the slot that one unit takes.
    pub seats: i64,
    pub active: bool,
}

impl Product {
    pub fn of(product: &rows::Product, units: &[rows::Unit]) -> Product {
        Product {
            id: product.id.0,
            name: product.name.clone(),
            description: product.description.clone(),
            time_zone: product.time_zone.clone(),
            currency: product.currency.code().to_owned(),
            active: product.active,
            units: units.iter().map(|unit| Unit::of(unit, product)).collect(),
            split: product.split.as_ref().map(|split| Split::of(&split.0, product.currency)),
            cancellation_policy: product
                .cancellation_policy
                .as_ref()
                .map(|policy| CancellationPolicy::of(&policy.0, product.currency)),
            duration_minutes: product.duration_minutes,
            resources: product.resources.iter().flat_map(|needs| &needs.0).map(Requirement::of).collect(),
            taxes: product.taxes.0.iter().map(ProductTax::of).collect(),
            metadata: product.metadata.0.clone(),
            created_at: time::instant(product.created_at),
            updated_at: time::instant(product.updated_at),
        }
    }
}

impl Unit {
    fn of(unit: &rows::Unit, product: &rows::Product) -> Unit {
        Unit {
            id: unit.id.0,
            name: unit.name.clone(),
            price: Money::new(unit.price_minor, product.currency),
            seats: unit.seats,
            active: unit.active,
        }
    }
}
