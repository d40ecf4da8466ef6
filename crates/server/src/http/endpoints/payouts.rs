//! Who gets which share of a booking's money, and its payment.

mod change_beneficiary;
mod create_beneficiary;
mod find_payouts;
mod get_beneficiary;
mod get_payout;
mod get_payout_history;
mod get_release;
mod get_statement;
mod list_beneficiaries;
mod record_payout;
mod reverse_payout;
mod set_split;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Payouts",
    description: "Who gets which share of a booking's money, and its payment.",
    endpoints: &[
        list_beneficiaries::endpoint,
        create_beneficiary::endpoint,
        change_beneficiary::endpoint,
        get_beneficiary::endpoint,
        get_statement::endpoint,
        set_split::endpoint,
        get_release::endpoint,
        find_payouts::endpoint,
        get_payout::endpoint,
        record_payout::endpoint,
        reverse_payout::endpoint,
        get_payout_history::endpoint,
    ],
};
