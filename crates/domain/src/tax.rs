//! Taxes: what a ticket has of each, and how much of the money that is kept is owed to the state.
//!
//! | question | rule |
//! |---|---|
//! | what is taxed? | each ticket by itself, so that a sum of tickets has the sum of their taxes |
//! | a tax that the price includes | the price is the net price and all included taxes: together they are `price * rates / (100 % + rates)`, rounded half up. Each is the difference of the running sums, so they sum to that |
//! | a tax that is added | the net price (the price without its included taxes) times the rate, rounded half up. Taxes are not taxed |
//! | a part of the price is kept, as a penalty is | the same part of each tax: running sums again, rounded half up |
//! | money of a booking is recognized | the money that is kept, at most what the booking costs, times the tax of the booking by its cost, rounded half up |
//!
//! The last rule is of a sum, and what is posted is the difference to what was posted before. So the order and the
//! number of payments and refunds change nothing: the tax that a booking has posted is always the rule's.
//! Integers only. No rule yields less than nothing, or more tax than money.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::limits::AMOUNT_MINOR_MAX;
use crate::split::BASIS_POINTS;

/// A tax on the tickets of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxRule {
    /// Each name once in a product.
    pub name: String,
    /// Hundredths of a percent of the net price, up to [`crate::limits::TAX_BASIS_POINTS_MAX`].
    pub rate_basis_points: i64,
    /// Whether the price of a unit includes it. Otherwise it is added.
    pub included: bool,
}

/// What a ticket, or a sum of tickets, has of one tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    pub name: String,
    pub rate_basis_points: i64,
    pub included: bool,
    pub minor: i64,
}

/// What a customer pays for one ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxedPrice {
    /// With all taxes.
    pub price_minor: i64,
    /// In the order of the product.
    pub taxes: Vec<Tax>,
}

/// `amount * numerator / denominator`, rounded half up. None of them is negative; nothing if the denominator is zero.
fn share(amount: i64, numerator: i64, denominator: i64) -> i64 {
    if denominator <= 0 {
        return 0;
    }
    // The product may exceed 64 bits.
    let product = 2 * i128::from(amount) * i128::from(numerator) + i128::from(denominator);
    i64::try_from(product / (2 * i128::from(denominator))).unwrap_or(i64::MAX)
}

/// The price of one ticket with its taxes. `None`: it is too large.
pub fn taxed_price(rules: &[TaxRule], price_minor: i64) -> Option<TaxedPrice> {
    let included = || rules.iter().filter(|rule| rule.included);
    let rates: i64 = included().map(|rule| rule.rate_basis_points).sum();
    let whole = BASIS_POINTS + rates;
    let net_minor = price_minor - share(price_minor, rates, whole);
    let (mut running_rates, mut running_minor, mut added_minor) = (0, 0, 0_i64);
    let mut taxes = Vec::with_capacity(rules.len());
    for rule in rules {
        let minor = if rule.included {
            running_rates += rule.rate_basis_points;
            let before = running_minor;
            running_minor = share(price_minor, running_rates, whole);
            running_minor - before
        } else {
            let minor = share(net_minor, rule.rate_basis_points, BASIS_POINTS);
            added_minor = added_minor.checked_add(minor)?;
            minor
        };
        let TaxRule { name, rate_basis_points, included } = rule.clone();
        taxes.push(Tax { name, rate_basis_points, included, minor });
    }
    let price_minor = price_minor.checked_add(added_minor).filter(|price| *price <= AMOUNT_MINOR_MAX)?;
    Some(TaxedPrice { price_minor, taxes })
}

/// All taxes together.
pub fn sum(taxes: &[Tax]) -> i64 {
    taxes.iter().map(|tax| tax.minor).sum()
}

/// The taxes of `part_minor`, a part of the price that has `taxes`.
pub fn of_part(taxes: &[Tax], part_minor: i64, price_minor: i64) -> Vec<Tax> {
    let (mut running, mut before) = (0, 0);
    let part = |tax: &Tax| {
        running += tax.minor;
        let minor = share(running, part_minor, price_minor) - before;
        before += minor;
        Tax { minor, ..tax.clone() }
    };
    taxes.iter().map(part).collect()
}

/// Adds up taxes of the same name, rate and kind, in the order in which they come. With each comes how many tickets
/// have it.
pub fn total<'t>(taxes: impl IntoIterator<Item = (&'t Tax, i64)>) -> Vec<Tax> {
    let mut totals: Vec<Tax> = Vec::new();
    for (tax, tickets) in taxes {
        let is_same = |total: &&mut Tax| {
            let one = (&total.name, total.rate_basis_points, total.included);
            one == (&tax.name, tax.rate_basis_points, tax.included)
        };
        match totals.iter_mut().find(is_same) {
            Some(total) => total.minor += tax.minor * tickets,
            None => totals.push(Tax { minor: tax.minor * tickets, ..tax.clone() }),
        }
    }
    totals
}

/// The tax of the money that is kept of a booking. Money beyond what the booking costs is not taxed: nothing was
/// delivered for it.
pub fn of_kept(kept_minor: i64, costs_minor: i64, tax_minor: i64) -> i64 {
    share(kept_minor.clamp(0, costs_minor.max(0)), tax_minor, costs_minor)
}

#[cfg(test)]
mod tests;
