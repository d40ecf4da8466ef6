use std::collections::BTreeSet;

use domain::provider::AmountRule;
use domain::{Currency, Money};

use super::*;
use crate::code::CodeOrigin;

const ID: Uuid = Uuid::from_u128(7);
const FIVE: Money = Money::new(500, Currency::EUR);

const RULE: AmountRule = AmountRule { min_minor: 50, max_minor: 99_999_999, step_minor: 1 };

/// One of each kind.
fn refusals() -> Vec<Refusal> {
    let mut all = refusals_of_money();
    all.extend([
        Refusal::ProductNotFound,
        Refusal::UnitNotFound { unit: ID },
        Refusal::SlotNotFound,
        Refusal::ScheduleNotFound,
        Refusal::BlackoutNotFound,
        Refusal::ResourceNotFound { resource: ID },
        Refusal::ResourceIsTaken { slot: ID, left: 2 },
        Refusal::ResourceIsInUse { slot: ID },
        Refusal::BookingNotFound,
        Refusal::PaymentNotFound,
        Refusal::RefundNotFound,
        Refusal::DisputeNotFound,
        Refusal::PaymentIsDisputed,
        Refusal::DisputeIsClosed { state: "lost" },
        Refusal::EvidenceNotOffered,
        Refusal::EvidenceIsPastDue { due: domain::Timestamp(0) },
        Refusal::EvidenceAlreadySubmitted,
        Refusal::EvidenceIsBeingSubmitted,
        Refusal::AccountNotFound,
        Refusal::ClientNotFound,
        Refusal::ReviewNotFound,
        Refusal::ApiKeyNotFound,
        Refusal::DeadLetterNotFound,
        Refusal::ReconciliationNotFound,
        Refusal::DifferenceNotFound,
        Refusal::ReconciliationIsRunning { run: ID },
        Refusal::BeneficiaryNotFound { beneficiary: ID },
        Refusal::PayoutNotFound,
        Refusal::FundsAreReleased { booking: ID },
        Refusal::PayoutsAreNotOffered,
        Refusal::BeneficiaryIsInactive { beneficiary: ID },
        Refusal::PayoutIsBeingReversed,
        Refusal::ReversalExceedsPayout { reversible: FIVE },
        Refusal::PayoutWasPaidByHand,
        Refusal::SettingsContradictEachOther {
            setting: "hold_seconds_max",
            hold_seconds: 900,
            hold_seconds_max: 60,
        },
        Refusal::SlotAlreadyExists { slot: Uuid::nil() },
        Refusal::LedgerAccountNotFound,
        Refusal::LedgerDayIsNotOver { ends_at: domain::Timestamp(0) },
        Refusal::TenantNotFound,
        Refusal::TenantIsArchived,
        Refusal::TooManyApiKeys { limit: 100 },
        Refusal::LastOpsKey,
        Refusal::ChangedMeanwhile,
        Refusal::ProductIsNotOnSale,
        Refusal::UnitIsNotOfThisProduct { unit: ID },
        Refusal::UnitIsNotOnSale { unit: ID },
        Refusal::TooManyUnits { limit: 200 },
        Refusal::TooManySchedules { limit: 50 },
        Refusal::TooManyBlackouts { limit: 200 },
        Refusal::SlotIsClosed { slot: ID },
        Refusal::SlotHasStarted { slot: ID },
        Refusal::SlotIsFull { slot: ID, vacancies: 2 },
        Refusal::CurrenciesDiffer,
        Refusal::SplitRulesDiffer,
        Refusal::PriceHasChanged { total: FIVE },
        Refusal::SlotLooksFull,
        Refusal::TooManySeatsHeldByCustomer { held: 19, requested: 2, limit: 20 },
        Refusal::TooManySeatsHeldByClient { held: 19, requested: 2, limit: 20 },
        Refusal::HoldIsTooLong { seconds_max: 60 },
        Refusal::AmountIsTooLarge,
        Refusal::HoldIsAtItsLimit { latest: domain::Timestamp(0) },
        Refusal::BookingIsNotHeld { state: "expired" },
        Refusal::HoldHasExpired,
        Refusal::HoldIsCancelledWhole,
        Refusal::ItemNotFound { item: ID },
        Refusal::NotSoManyTickets { item: ID, sold: 2 },
        Refusal::PaymentIsBehind,
        Refusal::LeaseLost,
        Refusal::NothingToDo,
        Refusal::DeliveryIsDead,
        Refusal::StateDoesNotAllowIt { lifecycle: "job", state: "done", event: "revive" },
    ]);
    all
}

fn refusals_of_money() -> Vec<Refusal> {
    let code = || "card_declined".to_owned();
    vec![
        Refusal::BookingHasOpenPayment { payment: ID },
        Refusal::QuoteHasChanged { refund: FIVE },
        Refusal::TicketsAreCheckedIn { item: ID, checked_in: 1 },
        Refusal::BookingIsNotConfirmed { state: "held" },
        Refusal::TicketIsCancelled,
        Refusal::TicketIsForAnotherSlot { slot: ID },
        Refusal::CheckInWasUndone { at: domain::Timestamp(0) },
        Refusal::CheckInNotFound,
        Refusal::ExpectedRefundIsMissing { refund: FIVE },
        Refusal::NothingIsDue,
        Refusal::AmountExceedsTotal { chargeable: FIVE },
        Refusal::AmountDoesNotCoverWhatIsDue { due: FIVE },
        Refusal::PaymentOutlivesHold { seconds_max: 60 },
        Refusal::CustomerHasNoSavedMethod,
        Refusal::CurrencyIsNotTaken { currency: Currency::EUR },
        Refusal::AmountIsNotPayable { amount: FIVE, rule: RULE },
        Refusal::PaymentAlreadyOpen { payment: ID },
        Refusal::TooManyPayments { limit: 20 },
        Refusal::CurrencyIsNotTheBookings,
        Refusal::PaymentDeclined { payment: ID, code: code(), retryable: true },
        Refusal::PaymentWasCancelled { payment: ID },
        Refusal::PaymentMethodNotAccepted { payment: ID, code: code() },
        Refusal::ProviderRejectedRequest { resource: ID, code: code() },
        Refusal::NotSentToProvider { resource: ID, code: code(), retryable: true },
        Refusal::PaymentIsNotAuthorized { state: "failed" },
        Refusal::PaymentIsNotCaptured { state: "failed" },
        Refusal::PaymentWasRecorded,
        Refusal::PaymentWasNotRecorded,
        Refusal::PaymentIsFinal { state: "failed" },
        Refusal::PaymentHasOperationInProgress { attempt: ID },
        Refusal::CaptureExceedsAuthorization { authorized: FIVE },
        Refusal::RefundExceedsCapture { refundable: FIVE },
        Refusal::TooManyRefunds { limit: 50 },
        Refusal::CaptureFailed { payment: ID, code: code() },
        Refusal::CancelFailed { payment: ID, code: code() },
        Refusal::RefundFailed { refund: ID, code: code() },
    ]
}

#[test]
fn the_catalogue_has_exactly_all_refusals() {
    let listed: BTreeSet<_> =
        Code::ALL.iter().filter(|code| code.origin() != CodeOrigin::Wire).map(|code| code.name()).collect();
    let given: BTreeSet<_> = refusals().iter().map(|refusal| problem(refusal, "r").code).collect();
    assert_eq!(given.iter().map(String::as_str).collect::<BTreeSet<_>>(), listed);
    for refusal in refusals() {
        assert_eq!(problem(&refusal, "r").code, refusal.code(), "the wire gives the domain's own code");
    }
}

#[test]
fn a_refusal_that_is_stored_is_not_retryable() {
    for refusal in refusals() {
        let problem = problem(&refusal, "r");
        assert!(!(problem.retryable && refusal.is_stored()), "{refusal:?} would be replayed forever");
    }
}

#[test]
fn a_decline_names_the_payment_and_its_reason() {
    let refusal = Refusal::PaymentDeclined { payment: ID, code: "card_declined".into(), retryable: true };
    let json = serde_json::to_value(problem(&refusal, "req-1")).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "type": "/docs/errors#payment_declined",
            "title": "The payment was declined",
            "status": 402,
            "code": "payment_declined",
            "detail": "The provider said card_declined.",
            "request_id": "req-1",
            "retryable": false,
            "resource": ID,
            "payment_id": ID,
            "failure": { "code": "card_declined", "another_attempt_may_succeed": true },
        })
    );
}

#[test]
fn the_cause_of_a_refusal_is_named() {
    let of = |refusal| problem(&refusal, "r");
    assert_eq!(of(Refusal::PaymentAlreadyOpen { payment: ID }).resource, Some(ID));
    let full = of(Refusal::SlotIsFull { slot: ID, vacancies: 2 });
    assert_eq!((full.detail.as_str(), full.resource), ("The slot has 2 vacancies.", Some(ID)));
    assert_eq!(of(Refusal::SlotIsClosed { slot: ID }).resource, Some(ID));
    let dearer = of(Refusal::PriceHasChanged { total: FIVE });
    assert_eq!(dearer.detail, "The booking costs 5.00 EUR (500 in minor units) now.");
    assert_eq!(dearer.total, Some(FIVE.into()));
    let at_limit = of(Refusal::HoldIsAtItsLimit { latest: domain::Timestamp(0) });
    assert_eq!(at_limit.detail, "It ends at 1970-01-01T00:00:00Z, and cannot end later.");
    assert_eq!(at_limit.latest_at, Some(jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(
        of(Refusal::TooManySeatsHeldByCustomer { held: 0, requested: 2, limit: 1 }).detail,
        "0 seats are held, and 2 more are asked for; at most 1 may be held at once."
    );
    assert_eq!(
        of(Refusal::CaptureExceedsAuthorization { authorized: FIVE }).detail,
        "At most 5.00 EUR (500 in minor units) can be captured."
    );
}

#[test]
fn the_detail_says_more_than_the_title() {
    for refusal in refusals() {
        let problem = problem(&refusal, "r");
        assert_ne!(problem.detail, problem.title, "{refusal:?}");
    }
}
