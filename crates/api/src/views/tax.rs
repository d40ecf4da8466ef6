//! Taxes: those of a product, and what a line or a booking has of each.

use domain::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Money;

/// A tax on the tickets of a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProductTax {
    #[schema(example = "VAT")]
    pub name: String,
    /// Hundredths of a percent of the net price.
    #[schema(example = 2300)]
    pub rate_basis_points: i64,
    /// Whether the prices of the units include it. Otherwise it is added.
    pub included: bool,
}

/// What is owed of one tax. An included tax is a part of the price already; one that is not was added to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tax {
    #[schema(example = "VAT")]
    pub name: String,
    /// Hundredths of a percent of the net price.
    #[schema(example = 2300)]
    pub rate_basis_points: i64,
    pub included: bool,
    pub amount: Money,
}

impl ProductTax {
    pub fn of(rule: &domain::tax::TaxRule) -> ProductTax {
        let domain::tax::TaxRule { name, rate_basis_points, included } = rule.clone();
        ProductTax { name, rate_basis_points, included }
    }
}

impl Tax {
    /// `tax` is of one ticket.
    pub fn of(tax: &domain::tax::Tax, tickets: i64, currency: Currency) -> Tax {
        let domain::tax::Tax { name, rate_basis_points, included, minor } = tax.clone();
        Tax { name, rate_basis_points, included, amount: Money::new(minor * tickets, currency) }
    }

    pub fn of_all(taxes: &[domain::tax::Tax], tickets: i64, currency: Currency) -> Vec<Tax> {
        taxes.iter().map(|tax| Tax::of(tax, tickets, currency)).collect()
    }
}
