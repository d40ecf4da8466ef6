//! Money in.

mod cancel_payment;
mod capture_payment;
mod create_charge;
mod create_payment;
mod find_payments;
mod get_payment;
mod get_payment_history;
mod list_accounts;
mod list_movements;
mod list_saved_methods;
mod record_payment;
mod remove_saved_method;
mod saved_methods;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Payments",
    description: "Money for bookings, or for references of your own.",
    endpoints: &[
        find_payments::endpoint,
        create_payment::endpoint,
        create_charge::endpoint,
        get_payment::endpoint,
        capture_payment::endpoint,
        cancel_payment::endpoint,
        get_payment_history::endpoint,
        list_movements::endpoint,
        list_accounts::endpoint,
        record_payment::endpoint,
        list_saved_methods::endpoint,
        remove_saved_method::endpoint,
    ],
};
