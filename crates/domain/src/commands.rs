//! One file for each thing that can be asked: its type, what it needs, what it decides, its tests.
//!
//! | who asks | commands |
//! |---|---|
//! | a client | [`Reserve`], [`CancelHold`], [`StartPayment`], [`StartCapture`], [`StartVoid`], [`StartRefund`], [`CreateProduct`], [`ChangeProduct`], [`AddSlots`] |
//! | a provider | [`RecordEvent`], then [`Settle`], [`SettleRefund`] or [`CloseEvent`] |
//! | a worker | [`ClaimJobs`], [`Heartbeat`], [`MarkSent`], [`Settle`], [`SettleRefund`], [`Postpone`], [`Abandon`], [`FinishJob`] |
//! | a timer | [`ExpireHolds`], [`PruneReplies`] |
//! | the relay and its consumers | [`Relay`], [`PostTransfer`] |
//! | an operator | [`Provision`], [`ChangeSettings`], [`AddApiKey`], [`RevokeApiKey`], [`ResolveReview`] |
//!
//! What must never be here: a call to a provider, or anything that has to be undone.

mod booking;
mod catalogue;
mod draft;
mod events;
mod jobs;
mod operate;
mod payment;
mod relay;

pub use booking::{CancelHold, CustomerDetails, ExpireHolds, Lapsed, Reserve};
pub use catalogue::{AddSlots, ChangeProduct, CreateProduct, NewSlot, NewUnit, UnitChange};
pub use draft::Origin;
pub use events::{CloseEvent, RecordEvent};
pub use jobs::{Abandon, ClaimJobs, FinishJob, Heartbeat, Lease, MarkSent, Postpone};
pub use operate::{
    AddApiKey, ChangeSettings, OPS_SCOPE, Owner, Provision, PruneReplies, ResolveReview, RevokeApiKey,
    SettingsChange,
};
pub use payment::{
    By, RefundOutcome, Settle, SettleRefund, StartCapture, StartPayment, StartRefund, StartVoid, Target,
};
pub use relay::{PostTransfer, Relay};

#[cfg(test)]
mod tests;
