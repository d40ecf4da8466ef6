//! Money in, and on its way back.

use super::{Endpoint, ReplyBody, ask, look};
use crate::code::Code;

const PAYMENTS: &[&str] = &["payments"];

const PAYMENT_STARTED: &[(u16, ReplyBody, &str)] = &[
    (
        201,
        ReplyBody::One("Payment"),
        "Authorized or captured, or `next_action` tells what the customer must do.",
    ),
    (202, ReplyBody::One("Payment"), "In progress: ask again with the same key, or look at `Location`."),
];
const PAYMENT_CHANGED: &[(u16, ReplyBody, &str)] =
    &[(200, ReplyBody::One("Payment"), "Done."), (202, ReplyBody::One("Payment"), "In progress.")];
const PAYMENT_REFUSALS: &[Code] = &[
    Code::PaymentDeclined,
    Code::PaymentWasCancelled,
    Code::PaymentMethodNotAccepted,
    Code::ProviderRejectedRequest,
    Code::NotSentToProvider,
    Code::ProviderAccountNotFound,
    Code::AmountIsTooLarge,
    Code::AmountIsNotPayable,
    Code::CurrencyIsNotTaken,
];

pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        query: Some("PaymentsQuery"),
        ..look(
            "/v1/payments",
            "find_payments",
            "Payments",
            PAYMENTS,
            ("Find payments", "Newest first. `idempotency_key` finds what became of a lost answer."),
            &[(200, ReplyBody::Page("Payment"), "A page of payments.")],
        )
    },
    Endpoint {
        waits: true,
        refusals: &[
            Code::PaymentDeclined,
            Code::PaymentWasCancelled,
            Code::PaymentMethodNotAccepted,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
            Code::ProviderAccountNotFound,
            Code::BookingNotFound,
            Code::BookingIsNotHeld,
            Code::HoldHasExpired,
            Code::NothingIsDue,
            Code::PaymentAlreadyOpen,
            Code::TooManyPayments,
            Code::CurrencyIsNotTheBookings,
            Code::AmountExceedsTotal,
            Code::AmountDoesNotCoverWhatIsDue,
            Code::AmountIsTooLarge,
            Code::AmountIsNotPayable,
            Code::CurrencyIsNotTaken,
        ],
        ..ask(
            "/v1/payments",
            "create_payment",
            "Payments",
            PAYMENTS,
            (
                "Start a payment",
                "For what a booking owes or a part of it, or for an amount with a reference.",
            ),
            "NewPayment",
            PAYMENT_STARTED,
        )
    },
    Endpoint {
        waits: true,
        refusals: PAYMENT_REFUSALS,
        ..ask(
            "/v1/charges",
            "create_charge",
            "Payments",
            PAYMENTS,
            ("Charge an amount", "The short form of a payment with automatic capture."),
            "NewCharge",
            PAYMENT_STARTED,
        )
    },
    Endpoint {
        refusals: &[Code::PaymentNotFound],
        ..look(
            "/v1/payments/{id}",
            "get_payment",
            "Payments",
            PAYMENTS,
            ("Get a payment", "Where it stands, and what the customer must do."),
            &[(200, ReplyBody::One("Payment"), "The payment.")],
        )
    },
    Endpoint {
        waits: true,
        body_is_optional: true,
        refusals: &[
            Code::PaymentNotFound,
            Code::PaymentIsNotAuthorized,
            Code::PaymentHasOperationInProgress,
            Code::CaptureExceedsAuthorization,
            Code::AmountIsNotPayable,
            Code::PaymentIsFinal,
            Code::CaptureFailed,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
        ],
        ..ask(
            "/v1/payments/{id}/capture",
            "capture_payment",
            "Payments",
            PAYMENTS,
            ("Capture a payment", "Takes authorised money, all of it or less."),
            "NewCapture",
            PAYMENT_CHANGED,
        )
    },
    Endpoint {
        waits: true,
        body_is_optional: true,
        refusals: &[
            Code::PaymentNotFound,
            Code::PaymentIsFinal,
            Code::PaymentHasOperationInProgress,
            Code::CancelFailed,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
        ],
        ..ask(
            "/v1/payments/{id}/cancel",
            "cancel_payment",
            "Payments",
            PAYMENTS,
            (
                "Cancel a payment",
                "Calls it off before its money is captured. A booking that it alone secured is cancelled with it.",
            ),
            "NewCancellation",
            PAYMENT_CHANGED,
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        refusals: &[Code::PaymentNotFound],
        ..look(
            "/v1/payments/{id}/history",
            "get_payment_history",
            "Payments",
            PAYMENTS,
            ("Get a payment's history", "Who moved it, when, and from where to where; oldest first."),
            &[(200, ReplyBody::Page("HistoryEntry"), "A page of the history.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        refusals: &[Code::PaymentNotFound],
        ..look(
            "/v1/payments/{id}/movements",
            "list_movements",
            "Payments",
            PAYMENTS,
            (
                "List the movements of a payment's money",
                "Captures, refunds and disputes as the provider moved them, whoever asked for them; oldest first.",
            ),
            &[(200, ReplyBody::Page("Movement"), "A page of movements.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        refusals: &[Code::PaymentNotFound],
        ..look(
            "/v1/payments/{id}/refunds",
            "list_refunds",
            "Refunds",
            PAYMENTS,
            ("List a payment's refunds", "Oldest first."),
            &[(200, ReplyBody::Page("Refund"), "A page of refunds.")],
        )
    },
    Endpoint {
        waits: true,
        body_is_optional: true,
        refusals: &[
            Code::PaymentNotFound,
            Code::PaymentIsNotCaptured,
            Code::RefundExceedsCapture,
            Code::TooManyRefunds,
            Code::AmountIsNotPayable,
            Code::RefundFailed,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
        ],
        ..ask(
            "/v1/payments/{id}/refunds",
            "create_refund",
            "Refunds",
            PAYMENTS,
            ("Refund a payment", "Sends captured money back, all of it or a part."),
            "NewRefund",
            &[
                (201, ReplyBody::One("Refund"), "The provider has it."),
                (
                    202,
                    ReplyBody::One("Refund"),
                    "In progress: ask again with the same key, or look at `Location`.",
                ),
            ],
        )
    },
    Endpoint {
        refusals: &[Code::RefundNotFound],
        ..look(
            "/v1/refunds/{id}",
            "get_refund",
            "Refunds",
            PAYMENTS,
            ("Get a refund", "Where it stands."),
            &[(200, ReplyBody::One("Refund"), "The refund.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        refusals: &[Code::RefundNotFound],
        ..look(
            "/v1/refunds/{id}/history",
            "get_refund_history",
            "Refunds",
            PAYMENTS,
            ("Get a refund's history", "Who moved it, when, and from where to where; oldest first."),
            &[(200, ReplyBody::Page("HistoryEntry"), "A page of the history.")],
        )
    },
];
