//! Prune: work that came to its end long ago is let go. What it did stays: payments, refunds, movements. The audit
//! stays as well, unless a setting says for how long ([`PruneAudit`]).
//!
//! | row | let go once it is | why it was kept |
//! |---|---|---|
//! | a provider's event | processed or ignored | to know it when it comes again |
//! | a job | done | for whoever asks how it went |
//!
//! What is dead waits for a person and stays.

mod prune_audit;
mod prune_replies;
mod prune_work;

pub use prune_audit::PruneAudit;
pub use prune_replies::PruneReplies;
pub use prune_work::PruneWork;
