//! From a refusal to its problem document.

use domain::provider::AmountRule;
use domain::{Money, Refusal};
use uuid::Uuid;

use super::{Failure, FieldError, Problem};
use crate::code::Code;

pub fn problem(refusal: &Refusal, request_id: &str) -> Problem {
    let mut problem = Problem::new(code(refusal), request_id).resource(resource(refusal));
    if let Some(detail) = detail(refusal) {
        problem.detail = detail;
    }
    if let Refusal::PaymentDeclined { payment, code, retryable } = refusal {
        problem.payment_id = Some(*payment);
        problem.failure = Some(Failure { code: code.clone(), another_attempt_may_succeed: *retryable });
    }
    if let Refusal::PaymentWasCancelled { payment } | Refusal::PaymentMethodNotAccepted { payment, .. } =
        refusal
    {
        problem.payment_id = Some(*payment);
    }
    problem.failure = failure(refusal).or(problem.failure);
    if let Refusal::QuoteHasChanged { refund } | Refusal::ExpectedRefundIsMissing { refund } = refusal {
        problem.refund = Some((*refund).into());
    }
    if let Refusal::PriceHasChanged { total } = refusal {
        problem.total = Some((*total).into());
    }
    if let Refusal::HoldIsAtItsLimit { latest } = refusal {
        problem.latest_at = Some(crate::time::instant(*latest));
    }
    if let Refusal::SettingsContradictEachOther { setting, .. } = refusal {
        let pointer = format!("/{setting}");
        problem.errors = vec![FieldError { pointer, detail: problem.detail.clone() }];
    }
    problem
}

/// Why no money moved, if that did not end the payment.
fn failure(refusal: &Refusal) -> Option<Failure> {
    let (code, retryable) = match refusal {
        Refusal::CaptureFailed { code, .. }
        | Refusal::CancelFailed { code, .. }
        | Refusal::RefundFailed { code, .. }
        | Refusal::PaymentMethodNotAccepted { code, .. }
        | Refusal::ProviderRejectedRequest { code, .. } => (code, false),
        Refusal::NotSentToProvider { code, retryable, .. } => (code, *retryable),
        _ => return None,
    };
    Some(Failure { code: code.clone(), another_attempt_may_succeed: retryable })
}

/// One exhaustive match: a new refusal does not compile until it has a code, and so a status. Other
/// contents of a refusal are added below.
#[expect(clippy::too_many_lines, reason = "it is a table: one line per refusal")]
fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::ProductNotFound => Code::ProductNotFound,
        Refusal::UnitNotFound { .. } => Code::UnitNotFound,
        Refusal::SlotNotFound => Code::SlotNotFound,
        Refusal::ScheduleNotFound => Code::ScheduleNotFound,
        Refusal::ResourceNotFound { .. } => Code::ResourceNotFound,
        Refusal::ResourceIsTaken { .. } => Code::ResourceIsTaken,
        Refusal::ResourceIsInUse { .. } => Code::ResourceIsInUse,
        Refusal::BlackoutNotFound => Code::BlackoutNotFound,
        Refusal::BookingNotFound => Code::BookingNotFound,
        Refusal::PaymentNotFound => Code::PaymentNotFound,
        Refusal::RefundNotFound => Code::RefundNotFound,
        Refusal::DisputeNotFound => Code::DisputeNotFound,
        Refusal::AccountNotFound => Code::ProviderAccountNotFound,
        Refusal::ClientNotFound => Code::ClientNotFound,
        Refusal::ReviewNotFound => Code::ReviewCaseNotFound,
        Refusal::ApiKeyNotFound => Code::ApiKeyNotFound,
        Refusal::DeadLetterNotFound => Code::DeadLetterNotFound,
        Refusal::ReconciliationNotFound => Code::ReconciliationNotFound,
        Refusal::DifferenceNotFound => Code::DifferenceNotFound,
        Refusal::ReconciliationIsRunning { .. } => Code::ReconciliationIsRunning,
        Refusal::BeneficiaryNotFound { .. } => Code::BeneficiaryNotFound,
        Refusal::PayoutNotFound => Code::PayoutNotFound,
        Refusal::ChangedMeanwhile => Code::ChangedMeanwhile,
        Refusal::ProductIsNotOnSale => Code::ProductIsNotOnSale,
        Refusal::UnitIsNotOfThisProduct { .. } => Code::UnitIsNotOfThisProduct,
        Refusal::UnitIsNotOnSale { .. } => Code::UnitIsNotOnSale,
        Refusal::TooManyUnits { .. } => Code::TooManyUnits,
        Refusal::TooManySchedules { .. } => Code::TooManySchedules,
        Refusal::TooManyBlackouts { .. } => Code::TooManyBlackouts,
        Refusal::SlotAlreadyExists { .. } => Code::SlotAlreadyExists,
        Refusal::SlotIsClosed { .. } => Code::SlotIsClosed,
        Refusal::SlotHasStarted { .. } => Code::SlotHasStarted,
        Refusal::SlotIsFull { .. } => Code::SlotIsFull,
        Refusal::CurrenciesDiffer => Code::CurrenciesDiffer,
        Refusal::SplitRulesDiffer => Code::SplitRulesDiffer,
        Refusal::PriceHasChanged { .. } => Code::PriceHasChanged,
        Refusal::SlotLooksFull => Code::SlotLooksFull,
        Refusal::TooManySeatsHeldByCustomer { .. } => Code::TooManySeatsHeldByCustomer,
        Refusal::TooManySeatsHeldByClient { .. } => Code::TooManySeatsHeldByClient,
        Refusal::HoldIsTooLong { .. } => Code::HoldIsTooLong,
        Refusal::AmountIsTooLarge => Code::AmountIsTooLarge,
        Refusal::HoldIsAtItsLimit { .. } => Code::HoldIsAtItsLimit,
        Refusal::BookingIsNotHeld { .. } => Code::BookingIsNotHeld,
        Refusal::HoldIsCancelledWhole => Code::HoldIsCancelledWhole,
        Refusal::ItemNotFound { .. } => Code::ItemNotFound,
        Refusal::NotSoManyTickets { .. } => Code::NotSoManyTickets,
        Refusal::QuoteHasChanged { .. } => Code::QuoteHasChanged,
        Refusal::TicketsAreCheckedIn { .. } => Code::TicketsAreCheckedIn,
        Refusal::BookingIsNotConfirmed { .. } => Code::BookingIsNotConfirmed,
        Refusal::TicketIsCancelled => Code::TicketIsCancelled,
        Refusal::TicketIsForAnotherSlot { .. } => Code::TicketIsForAnotherSlot,
        Refusal::CheckInWasUndone { .. } => Code::CheckInWasUndone,
        Refusal::CheckInNotFound => Code::CheckInNotFound,
        Refusal::ExpectedRefundIsMissing { .. } => Code::ExpectedRefundIsMissing,
        Refusal::HoldHasExpired => Code::HoldHasExpired,
        Refusal::BookingHasOpenPayment { .. } => Code::BookingHasOpenPayment,
        Refusal::NothingIsDue => Code::NothingIsDue,
        Refusal::AmountExceedsTotal { .. } => Code::AmountExceedsTotal,
        Refusal::PaymentOutlivesHold { .. } => Code::PaymentOutlivesHold,
        Refusal::AmountDoesNotCoverWhatIsDue { .. } => Code::AmountDoesNotCoverWhatIsDue,
        Refusal::CustomerHasNoSavedMethod => Code::CustomerHasNoSavedMethod,
        Refusal::CurrencyIsNotTaken { .. } => Code::CurrencyIsNotTaken,
        Refusal::AmountIsNotPayable { .. } => Code::AmountIsNotPayable,
        Refusal::PaymentAlreadyOpen { .. } => Code::PaymentAlreadyOpen,
        Refusal::TooManyPayments { .. } => Code::TooManyPayments,
        Refusal::CurrencyIsNotTheBookings => Code::CurrencyIsNotTheBookings,
        Refusal::PaymentDeclined { .. } => Code::PaymentDeclined,
        Refusal::PaymentWasCancelled { .. } => Code::PaymentWasCancelled,
        Refusal::PaymentMethodNotAccepted { .. } => Code::PaymentMethodNotAccepted,
        Refusal::ProviderRejectedRequest { .. } => Code::ProviderRejectedRequest,
        Refusal::NotSentToProvider { .. } => Code::NotSentToProvider,
        Refusal::PaymentIsNotAuthorized { .. } => Code::PaymentIsNotAuthorized,
        Refusal::PaymentIsNotCaptured { .. } => Code::PaymentIsNotCaptured,
        Refusal::PaymentWasRecorded => Code::PaymentWasRecorded,
        Refusal::PaymentWasNotRecorded => Code::PaymentWasNotRecorded,
        Refusal::PaymentIsFinal { .. } => Code::PaymentIsFinal,
        Refusal::PaymentHasOperationInProgress { .. } => Code::PaymentHasOperationInProgress,
        Refusal::CaptureExceedsAuthorization { .. } => Code::CaptureExceedsAuthorization,
        Refusal::RefundExceedsCapture { .. } => Code::RefundExceedsCapture,
        Refusal::TooManyRefunds { .. } => Code::TooManyRefunds,
        Refusal::PaymentIsDisputed => Code::PaymentIsDisputed,
        Refusal::DisputeIsClosed { .. } => Code::DisputeIsClosed,
        Refusal::EvidenceNotOffered => Code::EvidenceNotOffered,
        Refusal::EvidenceIsPastDue { .. } => Code::EvidenceIsPastDue,
        Refusal::EvidenceAlreadySubmitted => Code::EvidenceAlreadySubmitted,
        Refusal::EvidenceIsBeingSubmitted => Code::EvidenceIsBeingSubmitted,
        Refusal::CaptureFailed { .. } => Code::CaptureFailed,
        Refusal::CancelFailed { .. } => Code::CancelFailed,
        Refusal::RefundFailed { .. } => Code::RefundFailed,
        Refusal::FundsAreReleased { .. } => Code::FundsAreReleased,
        Refusal::PayoutsAreNotOffered => Code::PayoutsAreNotOffered,
        Refusal::BeneficiaryIsInactive { .. } => Code::BeneficiaryIsInactive,
        Refusal::PayoutIsBeingReversed => Code::PayoutIsBeingReversed,
        Refusal::ReversalExceedsPayout { .. } => Code::ReversalExceedsPayout,
        Refusal::PayoutWasPaidByHand => Code::PayoutWasPaidByHand,
        Refusal::SettingsContradictEachOther { .. } => Code::SettingsContradictEachOther,
        Refusal::LedgerAccountNotFound => Code::LedgerAccountNotFound,
        Refusal::LedgerDayIsNotOver { .. } => Code::LedgerDayIsNotOver,
        Refusal::TenantNotFound => Code::TenantNotFound,
        Refusal::TenantIsArchived => Code::TenantIsArchived,
        Refusal::TooManyApiKeys { .. } => Code::TooManyApiKeys,
        Refusal::LastOpsKey => Code::LastOpsKey,
        Refusal::PaymentIsBehind => Code::PaymentIsBehind,
        Refusal::LeaseLost => Code::LeaseLost,
        Refusal::NothingToDo => Code::NothingToDo,
        Refusal::DeliveryIsDead => Code::DeliveryIsDead,
        Refusal::StateDoesNotAllowIt { .. } => Code::StateDoesNotAllowIt,
    }
}

/// The resource that the refusal refers to.
fn resource(refusal: &Refusal) -> Option<Uuid> {
    match refusal {
        Refusal::UnitNotFound { unit }
        | Refusal::UnitIsNotOfThisProduct { unit }
        | Refusal::UnitIsNotOnSale { unit } => Some(*unit),
        Refusal::BookingHasOpenPayment { payment }
        | Refusal::PaymentAlreadyOpen { payment }
        | Refusal::PaymentDeclined { payment, .. }
        | Refusal::PaymentWasCancelled { payment }
        | Refusal::PaymentMethodNotAccepted { payment, .. }
        | Refusal::CaptureFailed { payment, .. }
        | Refusal::CancelFailed { payment, .. } => Some(*payment),
        Refusal::BeneficiaryNotFound { beneficiary } | Refusal::BeneficiaryIsInactive { beneficiary } => {
            Some(*beneficiary)
        }
        Refusal::FundsAreReleased { booking } => Some(*booking),
        Refusal::ItemNotFound { item }
        | Refusal::NotSoManyTickets { item, .. }
        | Refusal::TicketsAreCheckedIn { item, .. } => Some(*item),
        Refusal::TicketIsForAnotherSlot { slot } => Some(*slot),
        Refusal::PaymentHasOperationInProgress { attempt } => Some(*attempt),
        Refusal::SlotAlreadyExists { slot }
        | Refusal::SlotIsClosed { slot }
        | Refusal::SlotHasStarted { slot }
        | Refusal::ResourceIsInUse { slot }
        | Refusal::ResourceIsTaken { slot, .. }
        | Refusal::SlotIsFull { slot, .. } => Some(*slot),
        Refusal::ResourceNotFound { resource } => Some(*resource),
        Refusal::ProviderRejectedRequest { resource, .. } | Refusal::NotSentToProvider { resource, .. } => {
            Some(*resource)
        }
        Refusal::RefundFailed { refund, .. } => Some(*refund),
        Refusal::ReconciliationIsRunning { run } => Some(*run),
        _ => None,
    }
}

/// The details of this case, if there is more to say than the title.
fn detail(refusal: &Refusal) -> Option<String> {
    Some(match refusal {
        Refusal::SlotIsFull { vacancies, .. } => format!("The slot has {vacancies} vacancies."),
        Refusal::ResourceIsTaken { left, .. } => format!("It is free for {left} more."),
        Refusal::PriceHasChanged { total } => format!("The booking costs {total} now."),
        Refusal::TooManySeatsHeldByCustomer { held, requested, limit }
        | Refusal::TooManySeatsHeldByClient { held, requested, limit } => {
            format!(
                "{held} seats are held, and {requested} more are asked for; at most {limit} may be held at once."
            )
        }
        Refusal::HoldIsTooLong { seconds_max } => format!("A hold lasts at most {seconds_max} seconds."),
        Refusal::NotSoManyTickets { sold, .. } => format!("Of this item {sold} tickets are sold."),
        Refusal::QuoteHasChanged { refund } | Refusal::ExpectedRefundIsMissing { refund } => {
            format!("The refund is {refund} now.")
        }
        Refusal::BookingIsNotHeld { state } => format!("The booking is {state}."),
        Refusal::PaymentIsNotAuthorized { state }
        | Refusal::PaymentIsNotCaptured { state }
        | Refusal::PaymentIsFinal { state } => format!("The payment is {state}."),
        Refusal::DisputeIsClosed { state } => format!("The dispute is {state}."),
        Refusal::HoldIsAtItsLimit { latest } => {
            format!("It ends at {}, and cannot end later.", crate::time::instant(*latest))
        }
        Refusal::EvidenceIsPastDue { due } => {
            format!("The bank took evidence until {}.", crate::time::instant(*due))
        }
        Refusal::LedgerDayIsNotOver { ends_at } => {
            format!("The day ends at {}.", crate::time::instant(*ends_at))
        }
        Refusal::TooManyUnits { limit } => format!("A product has at most {limit} units."),
        Refusal::TooManySchedules { limit } => format!("A product has at most {limit} schedules."),
        Refusal::TooManyBlackouts { limit } => {
            format!("A product has at most {limit} blackouts that have not ended.")
        }
        Refusal::TooManyPayments { limit } => format!("A booking has at most {limit} payments."),
        Refusal::SettingsContradictEachOther { hold_seconds, hold_seconds_max, .. } => format!(
            "A hold would last {hold_seconds} seconds, and the longest that is allowed {hold_seconds_max}."
        ),
        Refusal::TooManyApiKeys { limit } => {
            format!("A tenant has at most {limit} keys that are not revoked.")
        }
        Refusal::TooManyRefunds { limit } => format!("A payment has at most {limit} refunds."),
        Refusal::CaptureExceedsAuthorization { authorized } => {
            format!("At most {authorized} can be captured.")
        }
        Refusal::RefundExceedsCapture { refundable } => {
            format!("At most {refundable} can be refunded.")
        }
        Refusal::ReversalExceedsPayout { reversible } => format!("At most {reversible} can be taken back."),
        Refusal::AmountExceedsTotal { chargeable } => {
            format!("At most {chargeable} can be charged.")
        }
        Refusal::PaymentOutlivesHold { seconds_max } => {
            format!("The hold can last {seconds_max} seconds more, and the payment must end with it.")
        }
        Refusal::AmountDoesNotCoverWhatIsDue { due } => format!("{due} is due."),
        Refusal::CurrencyIsNotTaken { currency } => format!("The provider does not accept {currency}."),
        Refusal::AmountIsNotPayable { amount, rule } => {
            let AmountRule { min_minor, max_minor, step_minor } = rule;
            let money = |minor: &i64| Money::new(*minor, amount.currency);
            format!(
                "{amount} cannot be moved: an amount is from {} to {}, in steps of {}; a capture or refund may \
                 be less.",
                money(min_minor),
                money(max_minor),
                money(step_minor)
            )
        }
        Refusal::NotSentToProvider { code, .. } => format!("Because of {code}."),
        Refusal::PaymentDeclined { code, .. }
        | Refusal::PaymentMethodNotAccepted { code, .. }
        | Refusal::ProviderRejectedRequest { code, .. }
        | Refusal::CaptureFailed { code, .. }
        | Refusal::CancelFailed { code, .. }
        | Refusal::RefundFailed { code, .. } => format!("The provider said {code}."),
        Refusal::StateDoesNotAllowIt { lifecycle, state, event } => {
            format!("a {lifecycle} that is {state} takes no {event}.")
        }
        _ => return detail_of_a_check_in(refusal),
    })
}

fn detail_of_a_check_in(refusal: &Refusal) -> Option<String> {
    Some(match refusal {
        Refusal::TicketsAreCheckedIn { checked_in, .. } => {
            format!("{checked_in} of them are checked in: undo that first, or cancel the whole item.")
        }
        Refusal::BookingIsNotConfirmed { state } => format!("It is {state}."),
        Refusal::TicketIsForAnotherSlot { slot } => format!("It is for the slot {slot}."),
        Refusal::CheckInWasUndone { at } => {
            format!("It was undone at {}; only a later scan counts.", crate::time::instant(*at))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
