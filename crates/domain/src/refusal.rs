//! The reasons why a command is not carried out: a closed list. Each code is a sentence and part of
//! the API, and one exhaustive `match` of the API gives each its status.

use uuid::Uuid;

use crate::lifecycle::{CurrentState, State};
use crate::money::{Currency, Money};
use crate::provider::AmountRule;
use crate::time::Timestamp;

/// Nothing was changed, except that a refusal may be stored under the idempotency key (see
/// [`Refusal::is_stored`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    ProductNotFound,
    UnitNotFound {
        unit: Uuid,
    },
    SlotNotFound,
    ScheduleNotFound,
    BlackoutNotFound,
    BookingNotFound,
    PaymentNotFound,
    RefundNotFound,
    DisputeNotFound,
    AccountNotFound,
    ClientNotFound,
    ReviewNotFound,
    ApiKeyNotFound,
    DeadLetterNotFound,
    ReconciliationNotFound,
    DifferenceNotFound,
    /// One run per account at a time.
    ReconciliationIsRunning {
        run: Uuid,
    },
    BeneficiaryNotFound {
        beneficiary: Uuid,
    },
    PayoutNotFound,

    /// Another request changed the resource in the meantime. Repeating this one is safe.
    ChangedMeanwhile,
    ProductIsNotOnSale,
    UnitIsNotOfThisProduct {
        unit: Uuid,
    },
    UnitIsNotOnSale {
        unit: Uuid,
    },
    TooManyUnits {
        limit: usize,
    },
    TooManySchedules {
        limit: usize,
    },
    TooManyBlackouts {
        limit: usize,
    },
    SlotAlreadyExists {
        slot: Uuid,
    },
    SlotIsClosed {
        slot: Uuid,
    },
    SlotHasStarted {
        slot: Uuid,
    },
    SlotIsFull {
        slot: Uuid,
        vacancies: i64,
    },
    /// Another slot needs the boat, the guide or the room at this time.
    ResourceIsTaken {
        slot: Uuid,
        /// The seats for which it is free.
        left: i64,
    },
    ResourceNotFound {
        resource: Uuid,
    },
    /// The resource would have less than is in use of it.
    ResourceIsInUse {
        /// One that uses it then.
        slot: Uuid,
    },
    /// The products of a booking have one currency.
    CurrenciesDiffer,
    /// The products divide their money differently, and a booking has one rule.
    SplitRulesDiffer,
    /// The client has expected another total.
    PriceHasChanged {
        total: Money,
    },
    /// A slot is full, but lapsed holds may still have seats of it. Never shown to a client.
    SlotLooksFull,
    TooManySeatsHeldByCustomer {
        held: i64,
        requested: i64,
        limit: i64,
    },
    TooManySeatsHeldByClient {
        held: i64,
        requested: i64,
        limit: i64,
    },
    HoldIsTooLong {
        seconds_max: i64,
    },
    AmountIsTooLarge,
    /// The hold has its last possible end already.
    HoldIsAtItsLimit {
        latest: Timestamp,
    },

    BookingIsNotHeld {
        state: &'static str,
    },
    HoldHasExpired,
    BookingHasOpenPayment {
        payment: Uuid,
    },
    /// The tickets of a hold are given up together.
    HoldIsCancelledWhole,
    ItemNotFound {
        item: Uuid,
    },
    /// The cancellation names more tickets of this item than are sold.
    NotSoManyTickets {
        item: Uuid,
        sold: i64,
    },
    /// The cancellation would give back another amount than the client expects.
    QuoteHasChanged {
        refund: Money,
    },
    /// Some tickets of an item cannot be cancelled while others of it are checked in.
    TicketsAreCheckedIn {
        item: Uuid,
        checked_in: i64,
    },
    BookingIsNotConfirmed {
        state: &'static str,
    },
    TicketIsCancelled,
    /// The ticket is for another slot than the one that is being checked in.
    TicketIsForAnotherSlot {
        slot: Uuid,
    },
    /// A person has undone the check-in after this scan was made.
    CheckInWasUndone {
        at: Timestamp,
    },
    CheckInNotFound,
    /// The client does not say what it expects to be given back.
    ExpectedRefundIsMissing {
        refund: Money,
    },
    NothingIsDue,
    /// The amount is above the booking's total less the money that it has.
    AmountExceedsTotal {
        chargeable: Money,
    },
    /// A hold is confirmed only by a payment of all that is due.
    /// The customer could pay until after the hold's last possible end.
    PaymentOutlivesHold {
        /// The longest time to pay that fits.
        seconds_max: i64,
    },
    AmountDoesNotCoverWhatIsDue {
        due: Money,
    },
    /// The customer has never saved a payment method at this account.
    CustomerHasNoSavedMethod,
    /// The provider does not take the currency.
    CurrencyIsNotTaken {
        currency: Currency,
    },
    /// The provider cannot move such an amount.
    AmountIsNotPayable {
        amount: Money,
        rule: AmountRule,
    },
    PaymentAlreadyOpen {
        payment: Uuid,
    },
    TooManyPayments {
        limit: i64,
    },
    CurrencyIsNotTheBookings,

    PaymentDeclined {
        payment: Uuid,
        code: alloc::string::String,
        retryable: bool,
    },
    /// It was voided before money moved.
    PaymentWasCancelled {
        payment: Uuid,
    },
    /// The provider does not know the payment method, or does not take it.
    PaymentMethodNotAccepted {
        payment: Uuid,
        code: alloc::string::String,
    },
    /// The provider refused our own request as faulty. Nothing moved.
    ProviderRejectedRequest {
        resource: Uuid,
        code: alloc::string::String,
    },
    /// Nothing was sent to the provider, and nothing will be. `code` says why.
    NotSentToProvider {
        resource: Uuid,
        code: alloc::string::String,
        retryable: bool,
    },
    PaymentIsNotAuthorized {
        state: &'static str,
    },
    PaymentIsNotCaptured {
        state: &'static str,
    },
    /// It was recorded by a person, so no provider can refund it.
    PaymentWasRecorded,
    /// It was made at a provider.
    PaymentWasNotRecorded,
    PaymentIsFinal {
        state: &'static str,
    },
    PaymentHasOperationInProgress {
        attempt: Uuid,
    },
    CaptureExceedsAuthorization {
        authorized: Money,
    },
    RefundExceedsCapture {
        refundable: Money,
    },
    TooManyRefunds {
        limit: i64,
    },
    /// The bank has taken the money back, or is about to. A refund would give it back twice.
    PaymentIsDisputed,
    DisputeIsClosed {
        state: &'static str,
    },
    /// The provider takes evidence in its dashboard only.
    EvidenceNotOffered,
    EvidenceIsPastDue {
        due: Timestamp,
    },
    EvidenceAlreadySubmitted,
    EvidenceIsBeingSubmitted,
    CaptureFailed {
        payment: Uuid,
        code: alloc::string::String,
    },
    CancelFailed {
        payment: Uuid,
        code: alloc::string::String,
    },
    RefundFailed {
        refund: Uuid,
        code: alloc::string::String,
    },

    /// The booking's money was divided among the beneficiaries, so it is not there to be refunded.
    FundsAreReleased {
        booking: Uuid,
    },
    /// The tenant's account at the provider cannot transfer money to a beneficiary.
    PayoutsAreNotOffered,
    /// It was deactivated, so it gets no new share.
    BeneficiaryIsInactive {
        beneficiary: Uuid,
    },
    /// The outcome of the reversal before is not known yet.
    PayoutIsBeingReversed,
    ReversalExceedsPayout {
        reversible: Money,
    },
    /// A person paid it, so no provider can take it back.
    PayoutWasPaidByHand,

    /// The settings together would prevent every sale. `setting` is the one that the request changes.
    SettingsContradictEachOther {
        setting: &'static str,
        hold_seconds: i64,
        hold_seconds_max: i64,
    },
    LedgerAccountNotFound,
    /// Only a day that has ended can be closed.
    LedgerDayIsNotOver {
        ends_at: Timestamp,
    },
    TenantNotFound,
    TenantIsArchived,
    TooManyApiKeys {
        limit: i64,
    },
    /// No remaining key could add or revoke keys.
    LastOpsKey,

    /// The provider's object is ahead of our payment: the moves in between must be recorded first.
    PaymentIsBehind,
    /// A worker's token is older than the job's: another worker took over.
    LeaseLost,
    /// The job, event or case has no work of this kind left.
    NothingToDo,
    /// The delivery was given up: a person decides.
    DeliveryIsDead,
    /// The lifecycle has no such move from the present state.
    StateDoesNotAllowIt {
        lifecycle: &'static str,
        state: &'static str,
        event: &'static str,
    },
}

impl Refusal {
    pub(crate) fn of_state<S: State>(state: CurrentState<S>, event: S::Event) -> Refusal {
        let event = S::event_name(event);
        Refusal::StateDoesNotAllowIt { lifecycle: S::NAME, state: state.name(), event }
    }

    /// The stable code in a problem document.
    #[expect(clippy::too_many_lines, reason = "it is a table: one line per refusal")]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::ProductNotFound => "product_not_found",
            Refusal::UnitNotFound { .. } => "unit_not_found",
            Refusal::SlotNotFound => "slot_not_found",
            Refusal::ScheduleNotFound => "schedule_not_found",
            Refusal::BlackoutNotFound => "blackout_not_found",
            Refusal::BookingNotFound => "booking_not_found",
            Refusal::PaymentNotFound => "payment_not_found",
            Refusal::RefundNotFound => "refund_not_found",
            Refusal::DisputeNotFound => "dispute_not_found",
            Refusal::AccountNotFound => "provider_account_not_found",
            Refusal::ClientNotFound => "client_not_found",
            Refusal::ReviewNotFound => "review_case_not_found",
            Refusal::ApiKeyNotFound => "api_key_not_found",
            Refusal::DeadLetterNotFound => "dead_letter_not_found",
            Refusal::ReconciliationNotFound => "reconciliation_not_found",
            Refusal::DifferenceNotFound => "difference_not_found",
            Refusal::ReconciliationIsRunning { .. } => "reconciliation_is_running",
            Refusal::BeneficiaryNotFound { .. } => "beneficiary_not_found",
            Refusal::PayoutNotFound => "payout_not_found",
            Refusal::ChangedMeanwhile => "changed_meanwhile",
            Refusal::ProductIsNotOnSale => "product_is_not_on_sale",
            Refusal::UnitIsNotOfThisProduct { .. } => "unit_is_not_of_this_product",
            Refusal::UnitIsNotOnSale { .. } => "unit_is_not_on_sale",
            Refusal::TooManyUnits { .. } => "too_many_units",
            Refusal::TooManySchedules { .. } => "too_many_schedules",
            Refusal::TooManyBlackouts { .. } => "too_many_blackouts",
            Refusal::SlotAlreadyExists { .. } => "slot_already_exists",
            Refusal::SlotIsClosed { .. } => "slot_is_closed",
            Refusal::SlotHasStarted { .. } => "slot_has_started",
            Refusal::SlotIsFull { .. } => "slot_is_full",
            Refusal::ResourceIsTaken { .. } => "resource_is_taken",
            Refusal::ResourceNotFound { .. } => "resource_not_found",
            Refusal::ResourceIsInUse { .. } => "resource_is_in_use",
            Refusal::CurrenciesDiffer => "currencies_differ",
            Refusal::SplitRulesDiffer => "split_rules_differ",
            Refusal::PriceHasChanged { .. } => "price_has_changed",
            Refusal::SlotLooksFull => "slot_looks_full",
            Refusal::TooManySeatsHeldByCustomer { .. } => "too_many_seats_held_by_customer",
            Refusal::TooManySeatsHeldByClient { .. } => "too_many_seats_held_by_client",
            Refusal::HoldIsTooLong { .. } => "hold_is_too_long",
            Refusal::AmountIsTooLarge => "amount_is_too_large",
            Refusal::HoldIsAtItsLimit { .. } => "hold_is_at_its_limit",
            Refusal::BookingIsNotHeld { .. } => "booking_is_not_held",
            Refusal::HoldHasExpired => "hold_has_expired",
            Refusal::BookingHasOpenPayment { .. } => "booking_has_open_payment",
            Refusal::HoldIsCancelledWhole => "hold_is_cancelled_whole",
            Refusal::ItemNotFound { .. } => "item_not_found",
            Refusal::NotSoManyTickets { .. } => "not_so_many_tickets",
            Refusal::QuoteHasChanged { .. } => "quote_has_changed",
            Refusal::TicketsAreCheckedIn { .. } => "tickets_are_checked_in",
            Refusal::BookingIsNotConfirmed { .. } => "booking_is_not_confirmed",
            Refusal::TicketIsCancelled => "ticket_is_cancelled",
            Refusal::TicketIsForAnotherSlot { .. } => "ticket_is_for_another_slot",
            Refusal::CheckInWasUndone { .. } => "check_in_was_undone",
            Refusal::CheckInNotFound => "check_in_not_found",
            Refusal::ExpectedRefundIsMissing { .. } => "expected_refund_is_missing",
            Refusal::NothingIsDue => "nothing_is_due",
            Refusal::AmountExceedsTotal { .. } => "amount_exceeds_total",
            Refusal::PaymentOutlivesHold { .. } => "payment_outlives_hold",
            Refusal::AmountDoesNotCoverWhatIsDue { .. } => "amount_does_not_cover_what_is_due",
            Refusal::CustomerHasNoSavedMethod => "customer_has_no_saved_method",
            Refusal::CurrencyIsNotTaken { .. } => "currency_is_not_taken",
            Refusal::AmountIsNotPayable { .. } => "amount_is_not_payable",
            Refusal::PaymentAlreadyOpen { .. } => "payment_already_open",
            Refusal::TooManyPayments { .. } => "too_many_payments",
            Refusal::CurrencyIsNotTheBookings => "currency_is_not_the_bookings",
            Refusal::PaymentDeclined { .. } => "payment_declined",
            Refusal::PaymentWasCancelled { .. } => "payment_was_cancelled",
            Refusal::PaymentMethodNotAccepted { .. } => "payment_method_not_accepted",
            Refusal::ProviderRejectedRequest { .. } => "provider_rejected_request",
            Refusal::NotSentToProvider { .. } => "not_sent_to_provider",
            Refusal::PaymentIsNotAuthorized { .. } => "payment_is_not_authorized",
            Refusal::PaymentIsNotCaptured { .. } => "payment_is_not_captured",
            Refusal::PaymentWasRecorded => "payment_was_recorded",
            Refusal::PaymentWasNotRecorded => "payment_was_not_recorded",
            Refusal::PaymentIsFinal { .. } => "payment_is_final",
            Refusal::PaymentHasOperationInProgress { .. } => "payment_has_operation_in_progress",
            Refusal::CaptureExceedsAuthorization { .. } => "capture_exceeds_authorization",
            Refusal::RefundExceedsCapture { .. } => "refund_exceeds_capture",
            Refusal::TooManyRefunds { .. } => "too_many_refunds",
            Refusal::PaymentIsDisputed => "payment_is_disputed",
            Refusal::DisputeIsClosed { .. } => "dispute_is_closed",
            Refusal::EvidenceNotOffered => "evidence_not_offered",
            Refusal::EvidenceIsPastDue { .. } => "evidence_is_past_due",
            Refusal::EvidenceAlreadySubmitted => "evidence_already_submitted",
            Refusal::EvidenceIsBeingSubmitted => "evidence_is_being_submitted",
            Refusal::CaptureFailed { .. } => "capture_failed",
            Refusal::CancelFailed { .. } => "cancel_failed",
            Refusal::RefundFailed { .. } => "refund_failed",
            Refusal::FundsAreReleased { .. } => "funds_are_released",
            Refusal::PayoutsAreNotOffered => "payouts_are_not_offered",
            Refusal::BeneficiaryIsInactive { .. } => "beneficiary_is_inactive",
            Refusal::PayoutIsBeingReversed => "payout_is_being_reversed",
            Refusal::ReversalExceedsPayout { .. } => "reversal_exceeds_payout",
            Refusal::PayoutWasPaidByHand => "payout_was_paid_by_hand",
            Refusal::SettingsContradictEachOther { .. } => "settings_contradict_each_other",
            Refusal::LedgerAccountNotFound => "ledger_account_not_found",
            Refusal::LedgerDayIsNotOver { .. } => "ledger_day_is_not_over",
            Refusal::TenantNotFound => "tenant_not_found",
            Refusal::TenantIsArchived => "tenant_is_archived",
            Refusal::TooManyApiKeys { .. } => "too_many_api_keys",
            Refusal::LastOpsKey => "last_ops_key",
            Refusal::PaymentIsBehind => "payment_is_behind",
            Refusal::LeaseLost => "lease_lost",
            Refusal::NothingToDo => "nothing_to_do",
            Refusal::DeliveryIsDead => "delivery_is_dead",
            Refusal::StateDoesNotAllowIt { .. } => "state_does_not_allow_it",
        }
    }

    /// Whether the refusal is stored under the key. A refusal that may change a moment later is not
    /// stored, so that a request with the same key can be repeated.
    pub fn is_stored(&self) -> bool {
        !matches!(
            self,
            Refusal::ProductNotFound
                | Refusal::UnitNotFound { .. }
                | Refusal::SlotNotFound
                | Refusal::ScheduleNotFound
                | Refusal::BlackoutNotFound
                | Refusal::ResourceNotFound { .. }
                | Refusal::ResourceIsInUse { .. }
                | Refusal::TooManyBlackouts { .. }
                | Refusal::BookingNotFound
                | Refusal::ItemNotFound { .. }
                | Refusal::TicketsAreCheckedIn { .. }
                | Refusal::BookingIsNotConfirmed { .. }
                | Refusal::CheckInNotFound
                | Refusal::QuoteHasChanged { .. }
                | Refusal::ExpectedRefundIsMissing { .. }
                | Refusal::PaymentNotFound
                | Refusal::RefundNotFound
                | Refusal::DisputeNotFound
                | Refusal::PaymentIsDisputed
                | Refusal::EvidenceNotOffered
                | Refusal::EvidenceIsPastDue { .. }
                | Refusal::EvidenceIsBeingSubmitted
                | Refusal::AccountNotFound
                | Refusal::CustomerHasNoSavedMethod
                | Refusal::ClientNotFound
                | Refusal::ReviewNotFound
                | Refusal::ApiKeyNotFound
                | Refusal::DeadLetterNotFound
                | Refusal::ReconciliationNotFound
                | Refusal::DifferenceNotFound
                | Refusal::ReconciliationIsRunning { .. }
                | Refusal::BeneficiaryNotFound { .. }
                | Refusal::BeneficiaryIsInactive { .. }
                | Refusal::PayoutNotFound
                | Refusal::PayoutIsBeingReversed
                | Refusal::LedgerAccountNotFound
                | Refusal::LedgerDayIsNotOver { .. }
                | Refusal::TooManyApiKeys { .. }
                | Refusal::LastOpsKey
                | Refusal::ChangedMeanwhile
                | Refusal::SlotLooksFull
                | Refusal::BookingHasOpenPayment { .. }
                | Refusal::PaymentAlreadyOpen { .. }
                | Refusal::PaymentHasOperationInProgress { .. }
                | Refusal::PaymentIsBehind
                | Refusal::LeaseLost
                | Refusal::NothingToDo
                | Refusal::DeliveryIsDead
                | Refusal::StateDoesNotAllowIt { .. }
        )
    }
}
