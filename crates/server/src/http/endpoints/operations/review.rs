//! What only a person can settle: take a case, look at everything that is known of it, act, close it.

pub mod act_on_review_case;
pub mod assign_review_case;
mod case;
pub mod get_review_case;
pub mod list_review_cases;
pub mod note_review_case;
pub mod resolve_review_case;
mod timeline;
