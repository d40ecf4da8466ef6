//! What was given up, and what a person does about it.

pub mod discard_dead_letter;
pub mod get_dead_letter;
pub mod get_dead_letter_history;
mod letter;
pub mod list_dead_letters;
pub mod retry_dead_letter;
