//! How the money of a booking is divided: the platform's fee and the share of each beneficiary.
//!
//! | part | how much |
//! |---|---|
//! | the platform's fee | basis points of the amount, rounded down, plus a fixed sum |
//! | each share | the same, rounded down to what can be paid out |
//! | the remainder | all that is left, to one named party: the platform or one of the beneficiaries |
//!
//! Amounts are integers, and the parts always sum to the amount. Nothing is rounded up, so the parts
//! before the remainder never exceed the amount, except by their fixed sums: then there is no division.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::ids::BeneficiaryId;

/// The whole amount.
pub const BASIS_POINTS: i64 = 10_000;

/// A part of an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portion {
    /// Hundredths of a percent of the amount.
    pub basis_points: i64,
    /// In addition, whatever the amount is.
    pub fixed_minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub beneficiary: BeneficiaryId,
    pub portion: Portion,
}

/// The rule of a product. Each booking keeps the rule of the moment when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRule {
    pub platform_fee: Portion,
    /// At most [`crate::limits::SHARES_MAX`], each beneficiary once.
    pub shares: Vec<Share>,
    /// Who gets the remainder. `None`: the platform. Otherwise one of the beneficiaries above.
    pub remainder: Option<BeneficiaryId>,
    /// How long after the completion of a booking its funds are released.
    pub release_after_days: i64,
}

/// An amount, divided. The parts sum to the amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    pub platform_minor: i64,
    /// In the order of the rule; a part may be zero.
    pub shares: Vec<(BeneficiaryId, i64)>,
}

impl Portion {
    /// Rounded down to a multiple of `step_minor`.
    fn of(self, amount_minor: i64, step_minor: i64) -> i64 {
        // The product may exceed 64 bits.
        let product = i128::from(amount_minor) * i128::from(self.basis_points);
        let part = i64::try_from(product / i128::from(BASIS_POINTS)).unwrap_or(i64::MAX);
        let part = part.saturating_add(self.fixed_minor);
        part - part % step_minor.max(1)
    }
}

impl SplitRule {
    pub fn beneficiaries(&self) -> impl Iterator<Item = BeneficiaryId> {
        self.shares.iter().map(|share| share.beneficiary)
    }

    /// Divides the amount. `step_minor` is the smallest unit in which a beneficiary can be paid: what
    /// is below it goes to the platform. `None` if the fixed sums exceed the amount.
    pub fn divide(&self, amount_minor: i64, step_minor: impl Fn(BeneficiaryId) -> i64) -> Option<Division> {
        let mut platform_minor = self.platform_fee.of(amount_minor, 1);
        let part = |share: &Share| {
            (share.beneficiary, share.portion.of(amount_minor, step_minor(share.beneficiary)))
        };
        let mut shares: Vec<(BeneficiaryId, i64)> = self.shares.iter().map(part).collect();
        let taken = shares.iter().try_fold(platform_minor, |sum, (_, part)| sum.checked_add(*part))?;
        let mut left = amount_minor.checked_sub(taken).filter(|left| *left >= 0)?;
        let named = shares.iter_mut().find(|(beneficiary, _)| Some(*beneficiary) == self.remainder);
        if let Some((beneficiary, part)) = named {
            let payable = left - left % step_minor(*beneficiary).max(1);
            *part += payable;
            left -= payable;
        }
        platform_minor += left;
        Some(Division { platform_minor, shares })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use uuid::Uuid;

    const GUIDE: BeneficiaryId = BeneficiaryId(Uuid::from_u128(1));
    const BOAT: BeneficiaryId = BeneficiaryId(Uuid::from_u128(2));

    fn portion(basis_points: i64, fixed_minor: i64) -> Portion {
        Portion { basis_points, fixed_minor }
    }

    fn rule(fee: Portion, guide: Portion, boat: Portion, remainder: Option<BeneficiaryId>) -> SplitRule {
        let shares =
            vec![Share { beneficiary: GUIDE, portion: guide }, Share { beneficiary: BOAT, portion: boat }];
        SplitRule { platform_fee: fee, shares, remainder, release_after_days: 0 }
    }

    #[test]
    fn the_remainder_goes_to_the_named_party() {
        let thirds = |remainder| rule(portion(3_333, 0), portion(3_333, 0), portion(3_333, 0), remainder);
        let check = |remainder, expected: (i64, i64, i64)| {
            let Division { platform_minor, shares } = thirds(remainder).divide(1_000, |_| 1).unwrap();
            assert_eq!((platform_minor, shares[0].1, shares[1].1), expected, "{remainder:?}");
        };
        check(None, (334, 333, 333));
        check(Some(GUIDE), (333, 334, 333));
        check(Some(BOAT), (333, 333, 334));
    }

    #[test]
    fn fixed_sums_that_exceed_the_amount_are_no_division() {
        let rule = rule(portion(0, 300), portion(5_000, 0), portion(0, 200), Some(BOAT));
        assert_eq!(rule.divide(998, |_| 1), None);
        let division = rule.divide(1_000, |_| 1).unwrap();
        assert_eq!((division.platform_minor, division.shares), (300, vec![(GUIDE, 500), (BOAT, 200)]));
    }

    #[test]
    fn what_cannot_be_paid_out_stays_with_the_platform() {
        let rule = rule(portion(1_000, 0), portion(3_333, 0), portion(0, 0), Some(BOAT));
        let division = rule.divide(12_345, |_| 100).unwrap();
        assert_eq!((division.platform_minor, division.shares), (1_245, vec![(GUIDE, 4_100), (BOAT, 7_000)]));
    }

    /// Numbers from a linear congruential generator, the same in every run.
    fn numbers() -> impl FnMut(i64) -> i64 {
        let mut state = 7_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 11) % below.unsigned_abs()).unwrap()
        }
    }

    #[test]
    fn the_parts_sum_to_the_amount_and_are_never_negative() {
        let mut number = numbers();
        let mut divided = 0;
        for _ in 0..20_000 {
            let mut left = BASIS_POINTS;
            let mut part = || {
                let basis_points = number(left + 1);
                left -= basis_points;
                portion(basis_points, if number(3) == 0 { number(500) } else { 0 })
            };
            let (fee, guide, boat) = (part(), part(), part());
            let remainder = [None, Some(GUIDE), Some(BOAT)][number(3) as usize];
            let bound = [10, 10_000, crate::limits::AMOUNT_MINOR_MAX][number(3) as usize];
            let (amount, step) = (number(bound) + 1, [1, 100][number(2) as usize]);
            let rule = rule(fee, guide, boat, remainder);
            let Some(Division { platform_minor, shares }) = rule.divide(amount, |_| step) else { continue };
            divided += 1;
            let sum = shares.iter().map(|(_, part)| part).sum::<i64>() + platform_minor;
            assert_eq!(sum, amount, "{rule:?}");
            assert!(platform_minor >= 0 && shares.iter().all(|(_, part)| *part >= 0), "{rule:?}");
            assert!(shares.iter().all(|(_, part)| part % step == 0), "{rule:?} by {step}");
        }
        assert!(divided > 10_000, "most of them can be divided: {divided}");
    }
}
