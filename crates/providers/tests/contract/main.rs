//! The contract of the port, which every adapter in [`ADAPTERS`] keeps.
//!
//! | file | what it holds |
//! |---|---|
//! | `rows` | one row per adapter, and per API of it: the bytes of its provider. A new adapter is a file there and a line |
//! | `calls` | each call of the port, and the kinds of its outcomes |
//! | `answers` | the table of replies and missing replies, with the outcome of each |
//! | `outcomes` | every call of every adapter, against that table |
//! | `requests` | keys and references |
//! | `guarded` | what is repeated, the time limit, the rate limit, the circuit |
//! | `webhooks` | true and false deliveries |
//! | `secrets` | what must not be in a log or in an error |
//!
//! What only one provider does is tested beside this, in the folder of that provider.

#![expect(clippy::unwrap_used, reason = "a test's own server may stop the test")]

mod answers;
mod calls;
mod guarded;
mod outcomes;
mod requests;
mod rows;
mod secrets;
mod webhooks;

use std::collections::BTreeSet;

use providers::{Adapter, adapter::ADAPTERS};

#[test]
fn every_adapter_keeps_the_contract() {
    let rows: BTreeSet<(&str, Option<&str>)> =
        rows::ROWS.iter().map(|row| (row.adapter.name, row.api)).collect();
    let wanted = |adapter: &&'static Adapter| -> Vec<(&str, Option<&str>)> {
        match adapter.apis {
            [] => vec![(adapter.name, None)],
            apis => apis.iter().map(|api| (adapter.name, Some(*api))).collect(),
        }
    };
    let adapters: BTreeSet<(&str, Option<&str>)> = ADAPTERS.iter().flat_map(wanted).collect();
    assert_eq!(rows, adapters, "each API of an adapter is a file in `rows` and a line in its table");
    assert_eq!(rows.len(), rows::ROWS.len(), "one row per adapter and API");
}
