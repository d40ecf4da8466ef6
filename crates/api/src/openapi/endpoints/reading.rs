//! What came of it: the ledger and the events.

use super::{Endpoint, ReplyBody, look};

pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        query: Some("ListQuery"),
        ..look(
            "/v1/ledger/accounts",
            "list_ledger_accounts",
            "Ledger",
            &["ledger"],
            ("List accounts", "By their names, with their balances."),
            &[(200, ReplyBody::Page("LedgerAccount"), "A page of accounts.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        ..look(
            "/v1/ledger/transfers",
            "list_ledger_transfers",
            "Ledger",
            &["ledger"],
            ("List transfers", "Newest first, each with its postings."),
            &[(200, ReplyBody::Page("Transfer"), "A page of transfers.")],
        )
    },
    Endpoint {
        query: Some("EventsQuery"),
        ..look(
            "/v1/events",
            "list_events",
            "Events",
            &["bookings", "payments"],
            (
                "Read events",
                "In order, and none is passed over: pass `next_cursor` as `after` to read on. A key sees what \
                 its scopes allow: with `bookings` the events about bookings, with `payments` those about \
                 payments and refunds.",
            ),
            &[(200, ReplyBody::Page("Event"), "The events after a position.")],
        )
    },
];
