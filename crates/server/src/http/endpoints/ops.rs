//! What waits for a person, and what a tenant chose.

pub mod change_settings;
pub mod get_settings;
pub mod list_breakers;
pub mod list_review_cases;
pub mod resolve_review_case;
