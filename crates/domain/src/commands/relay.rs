//! The relay: leases partitions of the outbox, publishes with no lock held, and marks what it published.
//!
//! | step | command | what a crash leaves |
//! |---|---|---|
//! | say who receives | [`Subscribe`] | the next start says it |
//! | lease | [`ClaimPartitions`] | a lease that lapses, and then another relay's |
//! | publish | none: no transaction is open | messages without a mark: published again |
//! | mark, under the token | [`MarkPublished`] | nothing, or all of it |
//! | compare with the receipts | [`SettleMessages`] | the next look compares again |
//! | publish again what nobody received | [`MarkRepublished`] | the same |
//! | let go what was received | [`PruneMessages`], then [`PruneDeliveries`] | the next look lets it go |

mod claim_partitions;
mod mark;
mod prune_deliveries;
mod prune_messages;
mod settle_messages;
mod subscribe;

pub use claim_partitions::ClaimPartitions;
pub use mark::{MarkPublished, MarkRepublished, PartitionLease, Published};
pub use prune_deliveries::PruneDeliveries;
pub use prune_messages::PruneMessages;
pub use settle_messages::SettleMessages;
pub use subscribe::Subscribe;
