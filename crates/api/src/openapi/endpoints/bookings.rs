//! Seats, held for a while and then paid.

use super::{Endpoint, ReplyBody, ask, look};
use crate::code::Code;

const BOOKINGS: &[&str] = &["bookings"];

pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        query: Some("BookingsQuery"),
        ..look(
            "/v1/bookings",
            "find_bookings",
            "Bookings",
            BOOKINGS,
            ("Find bookings", "Newest first."),
            &[(200, ReplyBody::Page("Booking"), "A page of bookings.")],
        )
    },
    Endpoint {
        refusals: &[
            Code::SlotNotFound,
            Code::UnitNotFound,
            Code::UnitIsNotOfThisProduct,
            Code::UnitIsNotOnSale,
            Code::ProductIsNotOnSale,
            Code::SlotIsClosed,
            Code::SlotHasStarted,
            Code::SlotIsFull,
            Code::TooManySeatsHeldByCustomer,
            Code::TooManySeatsHeldByClient,
            Code::HoldIsTooLong,
            Code::AmountIsTooLarge,
            Code::AmountIsNotPayable,
            Code::CurrencyIsNotTaken,
        ],
        ..ask(
            "/v1/bookings",
            "create_booking",
            "Bookings",
            BOOKINGS,
            ("Hold seats", "Holds seats of a slot for a customer until `hold_expires_at`."),
            "NewBooking",
            &[(201, ReplyBody::One("Booking"), "The seats are held.")],
        )
    },
    Endpoint {
        refusals: &[Code::BookingNotFound],
        ..look(
            "/v1/bookings/{id}",
            "get_booking",
            "Bookings",
            BOOKINGS,
            (
                "Get a booking",
                "With what happened to it and, for a key that has the scope `payments` too, its payments.",
            ),
            &[(200, ReplyBody::One("BookingDetail"), "The booking.")],
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
            &[(200, ReplyBody::One("Booking"), "The seats are free again.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        refusals: &[Code::BookingNotFound],
        ..look(
            "/v1/bookings/{id}/history",
            "get_booking_history",
            "Bookings",
            BOOKINGS,
            ("Get a booking's history", "Who moved it, when, and from where to where; oldest first."),
            &[(200, ReplyBody::Page("HistoryEntry"), "A page of the history.")],
        )
    },
];
