//! What waits for a person, what a tenant chose, and the probes.

mod api_keys;
mod change_settings;
mod dead_letters;
mod get_settings;
mod list_breakers;
mod probes;
mod reconciliation;
mod review;

use crate::http::endpoint::{Endpoint, Group};

pub const GROUP: Group = Group {
    tag: "Operations",
    description: "What waits for a person; probes and numbers.",
    endpoints: &[
        review::list_review_cases::endpoint,
        review::get_review_case::endpoint,
        review::assign_review_case::endpoint,
        review::note_review_case::endpoint,
        review::act_on_review_case::endpoint,
        review::resolve_review_case::endpoint,
        get_settings::endpoint,
        change_settings::endpoint,
        list_breakers::endpoint,
        dead_letters::list_dead_letters::endpoint,
        dead_letters::get_dead_letter::endpoint,
        dead_letters::get_dead_letter_history::endpoint,
        dead_letters::retry_dead_letter::endpoint,
        dead_letters::discard_dead_letter::endpoint,
        reconciliation::list_reconciliations::endpoint,
        reconciliation::start_reconciliation::endpoint,
        reconciliation::get_reconciliation::endpoint,
        reconciliation::list_differences::endpoint,
        reconciliation::accept_difference::endpoint,
        api_keys::list_api_keys::endpoint,
        api_keys::create_api_key::endpoint,
        api_keys::revoke_api_key::endpoint,
        PROBES[0],
        PROBES[1],
        PROBES[2],
    ],
};

/// What a process without the API answers too.
pub const PROBES: [fn() -> Endpoint; 3] =
    [probes::get_liveness::endpoint, probes::get_readiness::endpoint, probes::get_metrics::endpoint];
