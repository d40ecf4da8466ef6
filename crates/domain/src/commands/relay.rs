//! The relay: leases partitions of the outbox, publishes with no lock held, and marks what it published.
//!
//! | step | command | what a crash leaves |
//! |---|---|---|
//! | store the consumers | [`Subscribe`] | the next start stores them |
//! | lease | [`ClaimPartitions`] | a lease that lapses, and then goes to another relay |
//! | publish | none: no transaction is open | messages without a mark, which are published again |
//! | mark, under the token | [`MarkPublished`] | nothing, or all of it |
//! | compare with the receipts | [`SettleMessages`] | the next sweep compares again |
//! | republish unreceived messages | [`MarkRepublished`] | the same |
//! | delete received messages | [`PruneMessages`], then [`PruneDeliveries`] | the next sweep deletes them |

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
