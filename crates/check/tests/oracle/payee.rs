//! A beneficiary of our tenant, who gets a share of a booking.

use std::collections::BTreeMap;

use check::{BookedTransfer, Charge};
use domain::commands::{
    ChangeProduct, ClaimJobs, CompleteBooking, CreateBeneficiary, MarkPayoutSent, ObservedBy, PayoutOutcome,
    ReleaseFunds, SetSplit, SettlePayout,
};
use domain::jobs::JobKinds;
use domain::limits::ANOTHER_KEY_AFTER;
use domain::provider::{ProviderStatus, TransferObservation};
use domain::rows::{Actor, Capture, Mode};
use domain::split::{Portion, Share, SplitRule};
use domain::tax::TaxRule;
use domain::{AccountId, BeneficiaryId, BookingId, JobId, PayoutId, Reply, Timestamp};
use store::Store;
use testkit::catalogue::{ANY_AMOUNT, any_provider};
use testkit::submit;

use crate::seller::{PRICE_MINOR, Seller};

const DESTINATION: &str = "acct_guide";
/// A quarter of the net price.
const TAX_MINOR: i64 = PRICE_MINOR / 5;
/// A tenth of the net price.
const FEE_MINOR: i64 = (PRICE_MINOR - TAX_MINOR) / 10;

/// A booking is paid, completed and released, and its share is transferred. Returns the provider's
/// entries.
pub async fn share_a_booking(store: &Store, ours: &Seller) -> (Charge, BookedTransfer) {
    let beneficiary = beneficiary(store, ours).await;
    set_taxes(store, ours).await;
    set_split(store, ours, beneficiary).await;
    let booking = ours.reserve(store).await;
    let paid = ours.send(store, Some(booking), Capture::Automatic).await;
    let whole = ProviderStatus::Captured { amount_minor: PRICE_MINOR };
    ours.settle(store, &paid, &whole, None).await;
    submit(store, CompleteBooking { claim: ours.claim(), booking, attended: true }).await;
    let due = store.due_releases(Timestamp(i64::MAX), 10).await.unwrap();
    let reply = submit(store, ReleaseFunds { due, amounts: ANY_AMOUNT }).await;
    assert!(matches!(reply, Reply::Swept(1)), "{reply:?}");
    let transfer = transfer(store, ours, booking, beneficiary).await;
    (ours.charge(&paid, "succeeded", PRICE_MINOR, 0), transfer)
}

async fn beneficiary(store: &Store, ours: &Seller) -> BeneficiaryId {
    let create = CreateBeneficiary {
        claim: ours.claim(),
        mode: Mode::Test,
        name: "guide".to_owned(),
        transfer: Some((AccountId::of("stripe", &ours.account), DESTINATION.to_owned())),
        metadata: BTreeMap::new(),
    };
    let Reply::Beneficiary(created) = submit(store, create).await else { panic!("no beneficiary") };
    created.id
}

async fn set_taxes(store: &Store, ours: &Seller) {
    let product = store.product(ours.tenant, ours.product()).await.unwrap().unwrap();
    let tax = TaxRule { name: "VAT".to_owned(), rate_basis_points: 2_500, included: true };
    let change = ChangeProduct {
        claim: None,
        tenant: ours.tenant,
        by: Actor::Person,
        product: product.id,
        name: None,
        description: None,
        active: None,
        metadata: None,
        taxes: Some(vec![tax]),
        units: Vec::new(),
        new_units: Vec::new(),
        providers: any_provider(),
        version: product.version,
        all_units: Vec::new(),
    };
    submit(store, change).await;
}

async fn set_split(store: &Store, ours: &Seller, beneficiary: BeneficiaryId) {
    let product = store.product(ours.tenant, ours.product()).await.unwrap().unwrap();
    let split = SplitRule {
        platform_fee: Portion { basis_points: 1_000, fixed_minor: 0 },
        shares: vec![Share { beneficiary, portion: Portion::default() }],
        remainder: Some(beneficiary),
        release_after_days: 0,
    };
    let set = SetSplit {
        claim: None,
        tenant: ours.tenant,
        by: Actor::Person,
        mode: Mode::Test,
        product: product.id,
        split: Some(split),
        version: product.version,
        all_units: Vec::new(),
    };
    submit(store, set).await;
}

/// As the driver of the payout makes it.
async fn transfer(
    store: &Store,
    ours: &Seller,
    booking: BookingId,
    beneficiary: BeneficiaryId,
) -> BookedTransfer {
    let payout = PayoutId::of(booking, beneficiary);
    let job = JobId::from(payout);
    let (kinds, lease) = (JobKinds::default(), Seller::lease());
    submit(store, ClaimJobs { jobs: vec![job], kinds, lease, alone: false }).await;
    submit(store, MarkPayoutSent { payout, token: 1, another_key_after: ANOTHER_KEY_AFTER }).await;
    let row = store.payout(ours.tenant, payout).await.unwrap().unwrap();
    assert_eq!(row.amount_minor, PRICE_MINOR - TAX_MINOR - FEE_MINOR);
    let object = format!("tr_{payout}");
    let seen = TransferObservation {
        object: object.clone(),
        amount_minor: row.amount_minor,
        currency: row.currency,
        destination: DESTINATION.to_owned(),
        reversed_minor: 0,
        own_reversals: vec![],
    };
    let by = ObservedBy::Job { job, token: 1 };
    submit(store, SettlePayout { by, payout, outcome: PayoutOutcome::Seen(seen) }).await;
    BookedTransfer {
        provider: "stripe".to_owned(),
        account: ours.account.clone(),
        id: object,
        amount_minor: row.amount_minor,
        reversed_minor: 0,
        currency: "eur".to_owned(),
        destination: DESTINATION.to_owned(),
        metadata: BTreeMap::from([
            ("surehold_payout".to_owned(), payout.to_string()),
            ("booking".to_owned(), booking.to_string()),
            ("beneficiary".to_owned(), beneficiary.to_string()),
        ]),
    }
}
