//! Event feeds: an account's events as the provider lists them, read up to a mark. What a webhook lost is
//! found there.
//!
//! One process reads at a time, and any may read next: a claim puts the next reading off, and a mark under an
//! older claim is refused. To read something twice does no harm: an event is stored once.

mod advance_feed;
mod claim_feed;

pub use advance_feed::AdvanceFeed;
pub use claim_feed::ClaimFeed;
