//! The commands against a world that runs them as the executor does, and holds every law after
//! each of them.

mod world;

mod laws;
mod shop;
mod standalone_jobs;

mod api_keys;
mod availability;
mod bookings;
mod catalogue;
mod dead_letters;
mod deliveries;
mod events;
mod hand_over;
mod items;
mod jobs;
mod mismatched_states;
mod movements;
mod operate;
mod owed;
mod payments;
mod prune_audit;
mod refunds;
mod relay;
mod settling;
mod side_effects;

mod chaos;
mod driver;
mod teller;
