//! Event feeds: the provider's list of an account's events, read up to a mark. An event whose
//! webhook was lost is found there.
//!
//! One process reads at a time, and any process may read next: a claim sets the time of the next
//! read, and a mark under an older claim is refused. Reading an event twice does no harm, because
//! an event is stored once.

mod advance_feed;
mod claim_feed;

pub use advance_feed::AdvanceFeed;
pub use claim_feed::ClaimFeed;
