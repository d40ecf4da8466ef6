//! Captured money on its way back.

mod create_refund;
mod get_refund;
mod get_refund_history;
mod list_refunds;
mod record_refund;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Refunds",
    description: "Captured money on its way back.",
    endpoints: &[
        list_refunds::endpoint,
        create_refund::endpoint,
        record_refund::endpoint,
        get_refund::endpoint,
        get_refund_history::endpoint,
    ],
};
