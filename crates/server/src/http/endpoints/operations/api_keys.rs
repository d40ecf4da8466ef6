//! How keys are rotated: make one, let the client use it, revoke the old one.
//!
//! What must never be here: a secret in the store, in a log, or in any answer but that of
//! [`create_api_key`].

pub mod create_api_key;
pub mod list_api_keys;
mod live_keys;
pub mod revoke_api_key;
