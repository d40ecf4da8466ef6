use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::*;

fn rule(name: &str, rate_basis_points: i64, included: bool) -> TaxRule {
    TaxRule { name: name.to_owned(), rate_basis_points, included }
}

fn check(rules: &[TaxRule], price_minor: i64, costs: i64, taxes: &[i64]) {
    let taxed = taxed_price(rules, price_minor).unwrap();
    let minors: Vec<i64> = taxed.taxes.iter().map(|tax| tax.minor).collect();
    assert_eq!((taxed.price_minor, minors.as_slice()), (costs, taxes), "{price_minor} {rules:?}");
}

#[test]
fn an_included_tax_is_an_exact_fraction_rounded_half_up() {
    let vat = [rule("VAT", 2_000, true)];
    check(&vat, 12_000, 12_000, &[2_000]);
    check(&vat, 1_000, 1_000, &[167]);
    // 0.5 of a minor unit.
    check(&vat, 3, 3, &[1]);
    check(&vat, 2, 2, &[0]);
    check(&vat, 0, 0, &[0]);
    check(&[rule("VAT", 2_300, true)], 2_500, 2_500, &[467]);
}

#[test]
fn an_added_tax_is_rounded_half_up() {
    let added = [rule("GST", 1_000, false)];
    check(&added, 1_000, 1_100, &[100]);
    check(&added, 5, 6, &[1]);
    check(&added, 4, 4, &[0]);
}

#[test]
fn taxes_are_not_taxed() {
    let both = [rule("VAT", 2_000, true), rule("City", 500, false), rule("Visitors", 500, false)];
    check(&both, 12_000, 13_000, &[2_000, 500, 500]);
}

#[test]
fn included_taxes_never_exceed_their_price_however_many() {
    // Each would be half a unit by itself, and five of them more than the price.
    let five: Vec<TaxRule> = (0..5).map(|number| rule(&format!("{number}"), 10_000, true)).collect();
    check(&five, 3, 3, &[1, 0, 1, 0, 1]);
    for price in 0..200 {
        let taxed = taxed_price(&five, price).unwrap();
        assert!(taxed.taxes.iter().all(|tax| tax.minor >= 0));
        assert_eq!(sum(&taxed.taxes), share(price, 50_000, 60_000), "of {price}");
    }
}

#[test]
fn a_price_that_is_too_large_with_its_taxes_is_none() {
    assert_eq!(taxed_price(&[rule("GST", 1, false)], AMOUNT_MINOR_MAX), None);
    let taxed = taxed_price(&[rule("VAT", 10_000, true)], AMOUNT_MINOR_MAX).unwrap();
    assert_eq!(sum(&taxed.taxes), AMOUNT_MINOR_MAX / 2 + 1, "half of an odd number, rounded up");
}

#[test]
fn a_part_of_the_price_has_the_same_part_of_each_tax() {
    let rules = [rule("VAT", 2_000, true), rule("City", 333, false)];
    for price in (0..3_000).step_by(7) {
        let TaxedPrice { price_minor, taxes } = taxed_price(&rules, price).unwrap();
        assert_eq!(of_part(&taxes, price_minor, price_minor), taxes, "all of it");
        assert_eq!(sum(&of_part(&taxes, 0, price_minor)), 0, "nothing of it");
        for part in (0..price_minor).step_by(13) {
            let parts = of_part(&taxes, part, price_minor);
            assert!(parts.iter().all(|tax| tax.minor >= 0));
            assert_eq!(sum(&parts), share(sum(&taxes), part, price_minor));
            assert!(sum(&parts) <= part, "{part} of {price_minor}");
        }
    }
}

#[test]
fn totals_are_by_name_rate_and_kind() {
    let tax = |name: &str, rate_basis_points, minor| Tax {
        name: name.to_owned(),
        rate_basis_points,
        included: true,
        minor,
    };
    let (low, high) = (tax("VAT", 500, 3), tax("VAT", 2_000, 10));
    let totals = total([(&high, 2), (&low, 1), (&high, 3)]);
    assert_eq!(totals, vec![tax("VAT", 2_000, 50), tax("VAT", 500, 3)]);
}

#[test]
fn the_tax_of_what_is_kept_grows_with_it_and_ends_with_the_cost() {
    assert_eq!(of_kept(1_000, 12_000, 2_000), 167);
    assert_eq!(of_kept(12_000, 12_000, 2_000), 2_000);
    assert_eq!(of_kept(20_000, 12_000, 2_000), 2_000, "what is kept beyond the cost");
    assert_eq!(of_kept(500, 0, 0), 0, "of a booking that costs nothing any more");
    assert_eq!(of_kept(-5, 100, 10), 0);
    let mut before = 0;
    for kept in 0..=1_001 {
        let tax = of_kept(kept, 1_001, 333);
        assert!((0..=1).contains(&(tax - before)), "never more tax than money: {kept}");
        before = tax;
    }
}
