//! The taxes of a product.

use domain::limits::{TAX_BASIS_POINTS_MAX, TAXES_MAX};
use domain::tax::TaxRule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::NAME_CHARS_MAX;
use crate::validation_errors::ValidationErrors;

/// A tax on the tickets of a product. Each name may be given once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTax {
    #[schema(example = "VAT")]
    pub name: String,
    /// Hundredths of a percent of the net price.
    #[schema(example = 2300)]
    pub rate_basis_points: i64,
    /// Whether the prices of the units include it. Otherwise it is added to them.
    pub included: bool,
}

impl NewTax {
    pub fn rule(self) -> TaxRule {
        let NewTax { name, rate_basis_points, included } = self;
        TaxRule { name, rate_basis_points, included }
    }

    pub(super) fn check_all(taxes: &[NewTax], findings: &mut ValidationErrors) {
        if taxes.len() > TAXES_MAX {
            findings.count("/taxes", taxes.len(), TAXES_MAX, "tax");
        }
        for (index, tax) in taxes.iter().enumerate().take(TAXES_MAX) {
            let pointer = format!("/taxes/{index}");
            findings.line(&format!("{pointer}/name"), &tax.name, NAME_CHARS_MAX);
            let rate = format!("{pointer}/rate_basis_points");
            findings.between(&rate, tax.rate_basis_points, 1, TAX_BASIS_POINTS_MAX);
            if taxes[..index].iter().any(|earlier| earlier.name == tax.name) {
                findings.add(format!("{pointer}/name"), "is named twice");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::json::decode;
    use crate::requests::ChangedProduct;

    fn check(taxes: Value, expected: &[&str]) {
        let body = json!({ "taxes": taxes });
        let found =
            decode::<ChangedProduct>(body).map_or_else(|findings| findings.errors().to_vec(), |_| vec![]);
        let found: Vec<_> = found.into_iter().map(|error| error.pointer).collect();
        assert_eq!(found, expected, "{taxes}");
    }

    #[test]
    fn taxes_are_bounded_and_named_once() {
        let tax =
            |name: &str, rate: i64| json!({ "name": name, "rate_basis_points": rate, "included": true });
        check(json!([]), &[]);
        check(json!([tax("VAT", 1), tax("City", 10_000)]), &[]);
        check(json!([tax("", 0)]), &["/taxes/0/name", "/taxes/0/rate_basis_points"]);
        check(json!([tax("VAT", 10_001)]), &["/taxes/0/rate_basis_points"]);
        check(json!([tax("VAT", 1), tax("VAT", 2)]), &["/taxes/1/name"]);
        check(json!([{ "name": "VAT", "rate_basis_points": 1 }]), &["/taxes/0/included"]);
        let six: Vec<Value> = (0..6).map(|number| tax(&number.to_string(), 1)).collect();
        check(json!(six), &["/taxes"]);
    }
}
