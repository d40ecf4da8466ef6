//! Prune: work that ended long ago is deleted. Its results stay: payments, refunds, movements. The
//! audit stays as well, unless a setting limits its age ([`PruneAudit`]).
//!
//! | row | deleted once it is | why it was kept |
//! |---|---|---|
//! | a provider's event | processed or ignored | to recognise a repetition |
//! | a job | done | for questions about its outcome |
//!
//! Dead rows wait for a person, and stay.

mod prune_audit;
mod prune_replies;
mod prune_work;

pub use prune_audit::PruneAudit;
pub use prune_replies::PruneReplies;
pub use prune_work::PruneWork;
