//! From a refusal to its problem document.

use domain::Refusal;
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
        problem.failure = Some(Failure { code: code.clone(), retryable: *retryable });
    }
    if let Refusal::CaptureFailed { code, .. }
    | Refusal::CancelFailed { code, .. }
    | Refusal::RefundFailed { code, .. } = refusal
    {
        problem.failure = Some(Failure { code: code.clone(), retryable: false });
    }
    if let Refusal::SettingsContradictEachOther { setting, .. } = refusal {
        let pointer = format!("/{setting}");
        problem.errors = vec![FieldError { pointer, detail: problem.detail.clone() }];
    }
    problem
}

/// The one exhaustive match: a new refusal does not compile until it has a code, and with it a
/// status. What a refusal carries besides is told below.
fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::ProductNotFound => Code::ProductNotFound,
        Refusal::UnitNotFound { .. } => Code::UnitNotFound,
        Refusal::SlotNotFound => Code::SlotNotFound,
        Refusal::BookingNotFound => Code::BookingNotFound,
        Refusal::PaymentNotFound => Code::PaymentNotFound,
        Refusal::RefundNotFound => Code::RefundNotFound,
        Refusal::AccountNotFound => Code::ProviderAccountNotFound,
        Refusal::ClientNotFound => Code::ClientNotFound,
        Refusal::ReviewNotFound => Code::ReviewCaseNotFound,
        Refusal::ApiKeyNotFound => Code::ApiKeyNotFound,
        Refusal::DeadLetterNotFound => Code::DeadLetterNotFound,
        Refusal::ChangedMeanwhile => Code::ChangedMeanwhile,
        Refusal::ProductIsNotOnSale => Code::ProductIsNotOnSale,
        Refusal::UnitIsNotOfThisProduct { .. } => Code::UnitIsNotOfThisProduct,
        Refusal::UnitIsNotOnSale { .. } => Code::UnitIsNotOnSale,
        Refusal::TooManyUnits { .. } => Code::TooManyUnits,
        Refusal::SlotIsClosed => Code::SlotIsClosed,
        Refusal::SlotHasStarted => Code::SlotHasStarted,
        Refusal::SlotIsFull { .. } => Code::SlotIsFull,
        Refusal::SlotLooksFull => Code::SlotLooksFull,
        Refusal::TooManySeatsHeldByCustomer { .. } => Code::TooManySeatsHeldByCustomer,
        Refusal::TooManySeatsHeldByClient { .. } => Code::TooManySeatsHeldByClient,
        Refusal::HoldIsTooLong { .. } => Code::HoldIsTooLong,
        Refusal::AmountIsTooLarge => Code::AmountIsTooLarge,
        Refusal::BookingIsNotHeld { .. } => Code::BookingIsNotHeld,
        Refusal::HoldHasExpired => Code::HoldHasExpired,
        Refusal::BookingHasOpenPayment { .. } => Code::BookingHasOpenPayment,
        Refusal::NothingIsDue => Code::NothingIsDue,
        Refusal::PaymentAlreadyOpen { .. } => Code::PaymentAlreadyOpen,
        Refusal::TooManyPayments { .. } => Code::TooManyPayments,
        Refusal::CurrencyIsNotTheBookings => Code::CurrencyIsNotTheBookings,
        Refusal::PaymentDeclined { .. } => Code::PaymentDeclined,
        Refusal::PaymentIsNotAuthorized { .. } => Code::PaymentIsNotAuthorized,
        Refusal::PaymentIsNotCaptured { .. } => Code::PaymentIsNotCaptured,
        Refusal::PaymentIsFinal { .. } => Code::PaymentIsFinal,
        Refusal::PaymentHasOperationInProgress { .. } => Code::PaymentHasOperationInProgress,
        Refusal::CaptureExceedsAuthorization { .. } => Code::CaptureExceedsAuthorization,
        Refusal::RefundExceedsCapture { .. } => Code::RefundExceedsCapture,
        Refusal::TooManyRefunds { .. } => Code::TooManyRefunds,
        Refusal::CaptureFailed { .. } => Code::CaptureFailed,
        Refusal::CancelFailed { .. } => Code::CancelFailed,
        Refusal::RefundFailed { .. } => Code::RefundFailed,
        Refusal::SettingsContradictEachOther { .. } => Code::SettingsContradictEachOther,
        Refusal::TooManyApiKeys { .. } => Code::TooManyApiKeys,
        Refusal::LastOpsKey => Code::LastOpsKey,
        Refusal::LeaseLost => Code::LeaseLost,
        Refusal::NothingToDo => Code::NothingToDo,
        Refusal::DeliveryIsDead => Code::DeliveryIsDead,
        Refusal::NoSuchMove(_) => Code::StateDoesNotAllowIt,
    }
}

/// The resource that the refusal points at.
fn resource(refusal: &Refusal) -> Option<Uuid> {
    match refusal {
        Refusal::UnitNotFound { unit }
        | Refusal::UnitIsNotOfThisProduct { unit }
        | Refusal::UnitIsNotOnSale { unit } => Some(*unit),
        Refusal::BookingHasOpenPayment { payment }
        | Refusal::PaymentAlreadyOpen { payment }
        | Refusal::PaymentDeclined { payment, .. }
        | Refusal::CaptureFailed { payment, .. }
        | Refusal::CancelFailed { payment, .. } => Some(*payment),
        Refusal::PaymentHasOperationInProgress { attempt } => Some(*attempt),
        Refusal::RefundFailed { refund, .. } => Some(*refund),
        _ => None,
    }
}

/// What was the matter this time, where there is more to say than the title does.
fn detail(refusal: &Refusal) -> Option<String> {
    Some(match refusal {
        Refusal::SlotIsFull { vacancies } => format!("The slot has {vacancies} vacancies."),
        Refusal::TooManySeatsHeldByCustomer { held, asked, limit }
        | Refusal::TooManySeatsHeldByClient { held, asked, limit } => {
            format!(
                "{held} seats are held, and {asked} more are asked for; at most {limit} may be held at once."
            )
        }
        Refusal::HoldIsTooLong { seconds_max } => format!("A hold lasts at most {seconds_max} seconds."),
        Refusal::BookingIsNotHeld { state } => format!("The booking is {state}."),
        Refusal::PaymentIsNotAuthorized { state }
        | Refusal::PaymentIsNotCaptured { state }
        | Refusal::PaymentIsFinal { state } => format!("The payment is {state}."),
        Refusal::TooManyUnits { limit } => format!("A product has at most {limit} units."),
        Refusal::TooManyPayments { limit } => format!("A booking has at most {limit} payments."),
        Refusal::SettingsContradictEachOther { hold_seconds, hold_seconds_max, .. } => format!(
            "A hold would last {hold_seconds} seconds, and the longest that is allowed {hold_seconds_max}."
        ),
        Refusal::TooManyApiKeys { limit } => {
            format!("A tenant has at most {limit} keys that are not revoked.")
        }
        Refusal::TooManyRefunds { limit } => format!("A payment has at most {limit} refunds."),
        Refusal::CaptureExceedsAuthorization { authorized } => {
            format!("At most {authorized} (in minor units) can be captured.")
        }
        Refusal::RefundExceedsCapture { refundable } => {
            format!("At most {refundable} (in minor units) can be refunded.")
        }
        Refusal::PaymentDeclined { code, .. }
        | Refusal::CaptureFailed { code, .. }
        | Refusal::CancelFailed { code, .. }
        | Refusal::RefundFailed { code, .. } => format!("The provider said {code}."),
        Refusal::NoSuchMove(refused) => format!("{refused}."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
