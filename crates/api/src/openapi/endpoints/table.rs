//! The table of endpoints. The server has a test that each of them is served.

use utoipa::PartialSchema as _;

use super::{Answer, Endpoint, Key, ask, look};
use crate::code::Code;
use crate::requests::{AvailabilityQuery, BookingsQuery, EventsQuery, ListQuery, PaymentsQuery};

const CATALOGUE: &[&str] = &["catalogue"];
const READ_CATALOGUE: &[&str] = &["catalogue", "bookings"];
const BOOKINGS: &[&str] = &["bookings"];
const PAYMENTS: &[&str] = &["payments"];
const OPS: &[&str] = &["ops"];

const PAYMENT_STARTED: &[(u16, Answer, &str)] = &[
    (
        201,
        Answer::One("Payment"),
        "Authorized or captured, or `next_action` tells what the customer must do.",
    ),
    (202, Answer::One("Payment"), "In progress: ask again with the same key, or look at `Location`."),
];
const PAYMENT_CHANGED: &[(u16, Answer, &str)] =
    &[(200, Answer::One("Payment"), "Done."), (202, Answer::One("Payment"), "In progress.")];
const PAYMENT_REFUSALS: &[Code] =
    &[Code::CardNumberRefused, Code::PaymentDeclined, Code::ProviderAccountNotFound, Code::AmountIsTooLarge];

pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        query: Some(ListQuery::schema),
        ..look(
            "/v1/products",
            "list_products",
            "Catalogue",
            READ_CATALOGUE,
            ("List products", "Newest first."),
            &[(200, Answer::Page("Product"), "A page of products.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        ..ask(
            "/v1/products",
            "create_product",
            "Catalogue",
            CATALOGUE,
            ("Create a product", "Puts a product with its units up for sale."),
            "NewProduct",
            &[(201, Answer::One("Product"), "The product.")],
        )
    },
    Endpoint {
        refusals: &[Code::ProductNotFound],
        ..look(
            "/v1/products/{id}",
            "get_product",
            "Catalogue",
            READ_CATALOGUE,
            ("Get a product", "With all its units."),
            &[(200, Answer::One("Product"), "The product.")],
        )
    },
    Endpoint {
        method: "PATCH",
        key: Key::Optional,
        refusals: &[Code::ProductNotFound, Code::UnitNotFound, Code::ChangedMeanwhile],
        ..ask(
            "/v1/products/{id}",
            "change_product",
            "Catalogue",
            CATALOGUE,
            ("Change a product", "What is absent stays. Bookings keep the prices they were made at."),
            "ChangedProduct",
            &[(200, Answer::One("Product"), "The product as it is now.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        refusals: &[Code::ProductNotFound],
        ..ask(
            "/v1/products/{id}/slots",
            "add_slots",
            "Catalogue",
            CATALOGUE,
            ("Open slots", "Adds dated departures with their capacity."),
            "NewSlots",
            &[(201, Answer::Page("Slot"), "The slots, in the order they were asked for.")],
        )
    },
    Endpoint {
        query: Some(AvailabilityQuery::schema),
        refusals: &[Code::ProductNotFound],
        ..look(
            "/v1/availability",
            "get_availability",
            "Catalogue",
            READ_CATALOGUE,
            ("Find slots", "The slots of a product in a span of time, earliest first."),
            &[(200, Answer::Page("Slot"), "The slots with their vacancies.")],
        )
    },
    Endpoint {
        query: Some(BookingsQuery::schema),
        ..look(
            "/v1/bookings",
            "find_bookings",
            "Bookings",
            BOOKINGS,
            ("Find bookings", "Newest first."),
            &[(200, Answer::Page("Booking"), "A page of bookings.")],
        )
    },
    Endpoint {
        refusals: &[
            Code::SlotNotFound,
            Code::UnitNotFound,
            Code::UnitIsNotOfThisProduct,
            Code::ProductIsNotOnSale,
            Code::SlotIsClosed,
            Code::SlotHasStarted,
            Code::SlotIsFull,
            Code::TooManySeatsHeldByCustomer,
            Code::TooManySeatsHeldByClient,
            Code::HoldIsTooLong,
            Code::AmountIsTooLarge,
        ],
        ..ask(
            "/v1/bookings",
            "create_booking",
            "Bookings",
            BOOKINGS,
            ("Hold seats", "Holds seats of a slot for a customer until `hold_expires_at`."),
            "NewBooking",
            &[(201, Answer::One("Booking"), "The seats are held.")],
        )
    },
    Endpoint {
        refusals: &[Code::BookingNotFound],
        ..look(
            "/v1/bookings/{id}",
            "get_booking",
            "Bookings",
            BOOKINGS,
            ("Get a booking", "With its payments, and all that happened to it."),
            &[(200, Answer::One("BookingDetail"), "The booking.")],
        )
    },
    Endpoint {
        body_is_optional: true,
        refusals: &[Code::BookingNotFound, Code::BookingIsNotHeld, Code::BookingHasOpenPayment],
        ..ask(
            "/v1/bookings/{id}/cancel",
            "cancel_booking",
            "Bookings",
            BOOKINGS,
            ("Give up a hold", "Gives the seats of an unpaid booking back."),
            "NewCancellation",
            &[(200, Answer::One("Booking"), "The seats are free again.")],
        )
    },
    Endpoint {
        refusals: &[Code::BookingNotFound],
        ..look(
            "/v1/bookings/{id}/history",
            "get_booking_history",
            "Bookings",
            BOOKINGS,
            ("Get a booking's history", "Who moved it, when, and from where to where; oldest first."),
            &[(200, Answer::Page("HistoryEntry"), "The history.")],
        )
    },
    Endpoint {
        query: Some(PaymentsQuery::schema),
        ..look(
            "/v1/payments",
            "find_payments",
            "Payments",
            PAYMENTS,
            ("Find payments", "Newest first. `idempotency_key` finds what became of a lost answer."),
            &[(200, Answer::Page("Payment"), "A page of payments.")],
        )
    },
    Endpoint {
        waits: true,
        refusals: &[
            Code::CardNumberRefused,
            Code::PaymentDeclined,
            Code::ProviderAccountNotFound,
            Code::BookingNotFound,
            Code::BookingIsNotHeld,
            Code::HoldHasExpired,
            Code::NothingIsDue,
            Code::PaymentAlreadyOpen,
            Code::TooManyPayments,
            Code::AmountIsTooLarge,
        ],
        ..ask(
            "/v1/payments",
            "create_payment",
            "Payments",
            PAYMENTS,
            ("Start a payment", "For what a booking owes, or for an amount with a reference."),
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
            &[(200, Answer::One("Payment"), "The payment.")],
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
            Code::CaptureFailed,
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
        ],
        ..ask(
            "/v1/payments/{id}/cancel",
            "cancel_payment",
            "Payments",
            PAYMENTS,
            ("Cancel a payment", "Calls it off before its money is captured."),
            "NewCancellation",
            PAYMENT_CHANGED,
        )
    },
    Endpoint {
        refusals: &[Code::PaymentNotFound],
        ..look(
            "/v1/payments/{id}/history",
            "get_payment_history",
            "Payments",
            PAYMENTS,
            ("Get a payment's history", "Who moved it, when, and from where to where; oldest first."),
            &[(200, Answer::Page("HistoryEntry"), "The history.")],
        )
    },
    Endpoint {
        refusals: &[Code::PaymentNotFound],
        ..look(
            "/v1/payments/{id}/refunds",
            "list_refunds",
            "Refunds",
            PAYMENTS,
            ("List a payment's refunds", "Oldest first."),
            &[(200, Answer::Page("Refund"), "All of them.")],
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
            Code::RefundFailed,
        ],
        ..ask(
            "/v1/payments/{id}/refunds",
            "create_refund",
            "Refunds",
            PAYMENTS,
            ("Refund a payment", "Sends captured money back, all of it or a part."),
            "NewRefund",
            &[
                (201, Answer::One("Refund"), "The provider has it."),
                (
                    202,
                    Answer::One("Refund"),
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
            &[(200, Answer::One("Refund"), "The refund.")],
        )
    },
    Endpoint {
        refusals: &[Code::RefundNotFound],
        ..look(
            "/v1/refunds/{id}/history",
            "get_refund_history",
            "Refunds",
            PAYMENTS,
            ("Get a refund's history", "Who moved it, when, and from where to where; oldest first."),
            &[(200, Answer::Page("HistoryEntry"), "The history.")],
        )
    },
    look(
        "/v1/ledger/accounts",
        "list_ledger_accounts",
        "Ledger",
        &["ledger"],
        ("List accounts", "All of them, with their balances."),
        &[(200, Answer::Page("LedgerAccount"), "The accounts.")],
    ),
    Endpoint {
        query: Some(ListQuery::schema),
        ..look(
            "/v1/ledger/transfers",
            "list_ledger_transfers",
            "Ledger",
            &["ledger"],
            ("List transfers", "Newest first, each with its postings."),
            &[(200, Answer::Page("Transfer"), "A page of transfers.")],
        )
    },
    Endpoint {
        query: Some(EventsQuery::schema),
        ..look(
            "/v1/events",
            "list_events",
            "Events",
            &["bookings", "payments"],
            ("Read events", "In order and without gaps: pass `next_cursor` as `after` to read on."),
            &[(200, Answer::Page("Event"), "The events after a position.")],
        )
    },
    Endpoint {
        query: Some(ListQuery::schema),
        ..look(
            "/v1/ops/review_cases",
            "list_review_cases",
            "Operations",
            OPS,
            ("List open review cases", "What only a person can settle, oldest first."),
            &[(200, Answer::Page("ReviewCase"), "A page of cases.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        refusals: &[Code::ReviewCaseNotFound, Code::StateDoesNotAllowIt],
        ..ask(
            "/v1/ops/review_cases/{id}/resolve",
            "resolve_review_case",
            "Operations",
            OPS,
            ("Close a review case", "Says what was found and done; who and when is in the audit."),
            "Resolution",
            &[(200, Answer::One("ReviewCase"), "The case, closed.")],
        )
    },
    look(
        "/v1/ops/settings",
        "get_settings",
        "Operations",
        OPS,
        ("Get the settings", "What the tenant chose."),
        &[(200, Answer::One("Settings"), "The settings.")],
    ),
    Endpoint {
        method: "PATCH",
        key: Key::Optional,
        refusals: &[Code::ClientNotFound],
        ..ask(
            "/v1/ops/settings",
            "change_settings",
            "Operations",
            OPS,
            ("Change the settings", "What is absent stays. Holds that were made keep their time."),
            "ChangedSettings",
            &[(200, Answer::One("Settings"), "The settings as they are now.")],
        )
    },
    Endpoint {
        query: Some(ListQuery::schema),
        ..look(
            "/v1/ops/api_keys",
            "list_api_keys",
            "Operations",
            OPS,
            ("List API keys", "Those of the asking key's mode, newest first, and never a secret."),
            &[(200, Answer::Page("ApiKey"), "A page of keys.")],
        )
    },
    Endpoint {
        key: Key::None,
        refusals: &[
            Code::ClientNotFound,
            Code::TooManyApiKeys,
            Code::ChangedMeanwhile,
            Code::CommitOutcomeUnknown,
        ],
        ..ask(
            "/v1/ops/api_keys",
            "create_api_key",
            "Operations",
            OPS,
            (
                "Make an API key",
                "Of the asking key's mode, with scopes that the asking key has itself. The secret is in \
                 this answer and nowhere else, so an `Idempotency-Key` is ignored: nothing is stored that \
                 could be answered again. Asked twice it makes two; if the answer was lost, look for the \
                 key in the list and revoke it. At most 100 keys that are not revoked.",
            ),
            "NewApiKey",
            &[(201, Answer::Once("ShownApiKey"), "The key, with its secret.")],
        )
    },
    Endpoint {
        key: Key::None,
        body: None,
        refusals: &[Code::ApiKeyNotFound, Code::LastOpsKey, Code::CommitOutcomeUnknown],
        ..ask(
            "/v1/ops/api_keys/{id}/revoke",
            "revoke_api_key",
            "Operations",
            OPS,
            (
                "Revoke an API key",
                "Once and for all, as often as it is asked. The server that answers refuses the key at once, \
                 others within seconds. The last key of its mode with the scope `ops` stays.",
            ),
            "",
            &[(200, Answer::One("ApiKey"), "The key, revoked.")],
        )
    },
    look(
        "/health/live",
        "get_liveness",
        "Operations",
        &[],
        ("Is it alive?", "The process runs and answers."),
        &[(200, Answer::Text("text/plain"), "It does.")],
    ),
    Endpoint {
        refusals: &[Code::StorageUnavailable],
        ..look(
            "/health/ready",
            "get_readiness",
            "Operations",
            &[],
            ("Is it ready?", "The database answers too."),
            &[(200, Answer::Text("text/plain"), "It does.")],
        )
    },
    look(
        "/metrics",
        "get_metrics",
        "Operations",
        &[],
        ("Get the numbers", "In the text format of Prometheus."),
        &[(200, Answer::Text("text/plain"), "The numbers.")],
    ),
];
