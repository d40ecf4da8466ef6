//! What a provider keeps of a payment.

use std::borrow::ToOwned as _;
use std::format;
use std::vec::Vec;

use super::reconciliation::started;
use super::test_world::TestWorld;
use crate::commands::{ObservedBy, RecordFee};
use crate::provider::FeeAtProvider;
use crate::reconciliation::{FeeComparison, compare_fee};
use crate::rows::{Movement, Payment};
use crate::time::Timestamp;
use crate::{Currency, JobId, Money, Refusal};

fn fee(minor: i64, currency: Currency) -> FeeAtProvider {
    FeeAtProvider {
        object: format!("txn_{}", minor.abs()),
        payment_object: "pi_1".to_owned(),
        amount: Money::new(minor, currency),
        created_at: Timestamp(0),
    }
}

/// In any order, and however often they are shown. Fees of two currencies are not added up.
#[test]
fn a_fee_is_recorded_once() {
    let mut world = TestWorld::new(4);
    let (_, payment) = world.paid();
    let run = started(&mut world);
    let token = world.token(run);
    let by = ObservedBy::LookUp { job: JobId::from(run), token };
    let record = |fee: FeeAtProvider| RecordFee { by, payment, fee };
    let lost = RecordFee {
        by: ObservedBy::LookUp { job: JobId::from(run), token: token - 1 },
        ..record(fee(9, Currency::EUR))
    };
    assert_eq!(world.refused(&lost), Refusal::LeaseLost);
    assert_eq!(world.refused(&record(fee(0, Currency::EUR))), Refusal::NothingToDo);
    for shown in [
        fee(-1_500, Currency::EUR),
        fee(1_500, Currency::EUR),
        fee(320, Currency::EUR),
        fee(7, Currency::USD),
    ] {
        world.run(&record(shown.clone())).reply();
        assert_eq!(world.refused(&record(shown)), Refusal::NothingToDo, "once");
    }
    let row: Payment = world.get(payment);
    assert_eq!((row.provider_fee_minor, row.provider_fee_currency), (320, Some(Currency::EUR)));
    let movements: Vec<Movement> =
        world.all::<Movement>().into_iter().filter(|row| row.payment == payment).collect();
    let compared = |fee: &FeeAtProvider| compare_fee(fee, &row, &movements);
    assert_eq!(compared(&fee(320, Currency::EUR)), FeeComparison::Agrees);
    assert_eq!(compared(&fee(0, Currency::EUR)), FeeComparison::Agrees);
    assert_eq!(compared(&fee(321, Currency::EUR)), FeeComparison::IsNew);
    for other in
        [Money::new(319, Currency::EUR), Money::new(-320, Currency::EUR), Money::new(320, Currency::USD)]
    {
        let shown = FeeAtProvider { amount: other, ..fee(320, Currency::EUR) };
        assert!(matches!(compared(&shown), FeeComparison::Differs(_)), "{other}");
    }
    let books = world.close_the_books();
    assert_eq!(books["provider_fees"], 320 + 7);
}
