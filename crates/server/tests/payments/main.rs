//! Payments, captures, refunds and webhooks: the whole service over HTTP with the sandbox, on both
//! engines.
//!
//! Every test ends with the same checks: all promises hold, in the rows and in the provider's
//! books; nothing is left open; and every call that moves money had one key.
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets the variable. Each test makes its own database there, and has its own sandbox.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod apart;
mod authentication;
mod authorizations;
mod bookings;
mod by_hand;
mod cancellations;
mod captures;
mod charges;
mod checkout_page;
mod dead_letters;
mod delivery;
mod disputes;
mod duplicates;
mod expiry;
mod fees;
mod handed_over;
mod kept_errors;
mod lanes;
mod leases;
mod ledger;
mod mercado_pago;
mod mercado_pago_orders;
mod outage;
mod payment_form;
mod payouts;
mod pix;
mod reconciled_transfers;
mod reconciliation;
mod recorded;
mod refunds;
mod restarts;
mod reversals;
mod review_cases;
mod routing;
mod saved_methods;
mod schedules;
mod storm;
mod stripe_pix;
mod taxes;
mod webhooks;
mod wrong_money;
