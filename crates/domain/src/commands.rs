//! One file for each thing that can be asked: its type, what it needs, what it decides, its tests.
//!
//! | who asks | commands |
//! |---|---|
//! | a client | [`Reserve`], [`CancelHold`], [`StartPayment`], [`StartCapture`], [`StartVoid`], [`StartRefund`], [`CreateProduct`], [`ChangeProduct`], [`AddSlots`] |
//! | a provider | [`RecordEvent`], then [`Settle`], [`SettleRefund`], [`SettleDispute`] or [`CloseEvent`]; [`StartEvent`] before them where it was left behind, [`PutOffEvent`] after it where the store failed; [`ClaimFeed`] and [`AdvanceFeed`] where it is asked |
//! | a worker | [`ClaimJobs`], [`Heartbeat`], [`MarkSent`], [`RecordDecline`], [`Settle`], [`SettleRefund`], [`Postpone`], [`Abandon`], [`FinishJob`] |
//! | a timer | [`ExpireHolds`], [`PruneReplies`], [`PruneWork`], [`PruneAudit`] |
//! | the relay | [`Subscribe`] as it starts, [`ClaimPartitions`], [`MarkPublished`]; its sweep: [`SettleMessages`], [`MarkRepublished`], [`PruneMessages`], [`PruneDeliveries`] |
//! | the relay's consumers | [`PostTransfer`], [`StartDelivery`], [`FailDelivery`], [`PutOffDelivery`] |
//! | an operator | [`Provision`], [`ChangeSettings`], [`AddApiKey`], [`RevokeApiKey`], [`ResolveReview`], [`RetryDeadLetter`], [`DiscardDeadLetter`] |
//!
//! What must never be here: a call to a provider, or anything that has to be undone.

mod booking;
mod catalogue;
mod dead_letter;
mod delivery;
mod draft;
mod event_feeds;
mod events;
mod jobs;
mod operate;
mod payment;
mod prune;
mod relay;

pub use booking::{CancelHold, CustomerDetails, ExpireHolds, LapsedHold, Reserve};
pub use catalogue::{AddSlots, ChangeProduct, CreateProduct, NewSlot, NewUnit, UnitChange};
pub use dead_letter::{DeadLetterRef, Decided, DiscardDeadLetter, RetryDeadLetter};
pub use delivery::{DeliveryKey, FailDelivery, PostTransfer, PutOffDelivery, StartDelivery};
pub use draft::Origin;
pub use event_feeds::{AdvanceFeed, ClaimFeed};
pub use events::{CloseEvent, PutOffEvent, RecordEvent, StartEvent};
pub use jobs::{
    Abandon, ClaimJobs, FinishJob, Heartbeat, JobLease, MarkSent, Postpone, RecheckDelays, RecordDecline,
};
pub use operate::{
    AddApiKey, ArchiveTenant, ChangeSettings, KeyOwner, OPS_SCOPE, Provision, RenameTenant, ResolveReview,
    RevokeApiKey, SettingsChange,
};
pub use payment::{
    ObservedBy, PaymentTarget, RefundOutcome, Settle, SettleDispute, SettleRefund, StartCapture,
    StartPayment, StartRefund, StartVoid,
};
pub use prune::{PruneAudit, PruneReplies, PruneWork};
pub use relay::{
    ClaimPartitions, MarkPublished, MarkRepublished, PartitionLease, PruneDeliveries, PruneMessages,
    Published, SettleMessages, Subscribe,
};

#[cfg(test)]
mod tests;
