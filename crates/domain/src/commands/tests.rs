//! The commands against a store that runs them as the executor does, and holds every law after
//! each of them.

mod test_store;

mod laws;
mod standalone_jobs;
mod test_world;

mod api_keys;
mod authorizations;
mod availability;
mod baskets;
mod beneficiaries;
mod bookings;
mod by_customer;
mod cancellation_quotes;
mod cancellations;
mod catalogue;
mod check_ins;
mod dead_letters;
mod deliveries;
mod disputes;
mod events;
mod extensions;
mod fees;
mod in_review;
mod items;
mod jobs;
mod mismatched_states;
mod movements;
mod one_step;
mod operate;
mod owed;
mod payments;
mod payouts;
mod pix;
mod prune_audit;
mod reconciled_transfers;
mod reconciliation;
mod recorded;
mod refunds;
mod relay;
mod resources;
mod reversals;
mod saved_methods;
mod settling;
mod side_effects;
mod tax_laws;
mod taxes;

mod chaos;
mod continued;
mod driver;
mod provider_model;
