//! Commands: one file for each, with its type, the rows that it needs, and its decision.
//!
//! | who submits it | commands |
//! |---|---|
//! | a client | [`Reserve`], [`ExtendHold`], [`CancelBooking`], [`CheckInTicket`], [`UndoCheckIn`], [`StartPayment`], [`StartCapture`], [`StartVoid`], [`StartRefund`], [`SubmitEvidence`], [`CreateProduct`], [`ChangeProduct`], [`AddSlots`], [`CreateSchedule`], [`ChangeSchedule`], [`AddBlackout`], [`EndBlackout`], [`CreateBeneficiary`], [`ChangeBeneficiary`], [`SetSplit`], [`SetCancellationPolicy`], [`CompleteBooking`], [`RecordPayout`], [`ReversePayout`], [`AuditMethodRemoval`] around its call to the provider |
//! | a provider | [`RecordEvent`], then [`Settle`], [`SettleRefund`], [`SettleDispute`] or [`CloseEvent`]; [`StartEvent`] before them if an earlier run did not finish, [`PutOffEvent`] after it if the store failed; [`ClaimFeed`] and [`AdvanceFeed`] for the list of events |
//! | a worker | [`ClaimJobs`], [`Heartbeat`], [`FinishJob`], [`FailJob`]; the driver of an attempt [`RecordProviderCustomer`], [`MarkSent`], [`RecordDecline`], [`Settle`], [`SettleRefund`], [`Postpone`], [`Abandon`], [`FinishAttempt`]; the handler of evidence [`MarkEvidenceSent`], [`SettleEvidence`], [`PutOffEvidence`], [`MarkPayoutSent`], [`SettlePayout`], [`PostponePayout`]; of a reversal [`MarkReversalSent`], [`PostponeReversal`], [`RefuseReversal`]; a reconciliation [`RecordFee`] |
//! | a reconciliation | [`StartReconciliation`] by a timer or a person, [`RecordPage`], [`ClearMarks`], [`FinishReconciliation`] by its worker, [`AcceptDifference`] by a person |
//! | a timer | [`ExpireHolds`], [`CheckAuthorizations`], [`PruneReplies`], [`PruneWork`], [`PruneAudit`], [`ReleaseFunds`], [`MakeSlots`] |
//! | the relay | [`Subscribe`] as it starts, [`ClaimPartitions`], [`MarkPublished`]; its sweep: [`SettleMessages`], [`MarkRepublished`], [`PruneMessages`], [`PruneDeliveries`] |
//! | the relay's consumers | [`PostTransfer`], [`StartDelivery`], [`FailDelivery`], [`PutOffDelivery`] |
//! | an operator | [`Provision`], [`ChangeSettings`], [`CloseLedger`], [`AddApiKey`], [`RevokeApiKey`], [`AssignReview`], [`NoteReview`], [`LookUpReview`], [`ResolveReview`], [`RetryDeadLetter`], [`DiscardDeadLetter`], [`RecordPayment`], [`RecordRefund`] |
//!
//! What must never be here: a call to a provider, or anything that has to be undone.

mod booking;
mod catalogue;
mod check_in;
mod dead_letter;
mod delivery;
mod draft;
mod event_feeds;
mod events;
mod jobs;
mod operate;
mod payment;
mod payouts;
mod prune;
mod reconciliation;
mod relay;
mod resources;
mod review;
mod schedules;

pub use booking::{
    CancelBooking, Cancellation, CancelledItem, CancelledLine, CustomerDetails, ExpireHolds, ExtendHold,
    ItemRows, LapsedHold, MoneyBack, QuotedCancellation, Reserve,
};
pub use catalogue::{
    AddSlots, ChangeProduct, CreateProduct, NewSlot, NewUnit, SetCancellationPolicy, UnitChange,
};
pub use check_in::{CheckInTicket, Scan, TicketRef, UndoCheckIn};
pub use dead_letter::{DeadLetterRef, Decided, DiscardDeadLetter, RetryDeadLetter};
pub use delivery::{DeliveryKey, FailDelivery, PostTransfer, PutOffDelivery, StartDelivery};
pub use draft::Origin;
pub use event_feeds::{AdvanceFeed, ClaimFeed};
pub use events::{CloseEvent, PutOffEvent, RecordEvent, StartEvent};
pub use jobs::{
    Abandon, ClaimJobs, FailJob, FinishAttempt, FinishJob, Heartbeat, JobLease, MarkSent, NewJob, Postpone,
    RecheckDelays, RecordDecline,
};
pub(crate) use jobs::{AttemptJobs, JobRules, StandaloneJobs};
pub use operate::{
    AddApiKey, ArchiveTenant, ChangeSettings, CloseLedger, KeyOwner, OPS_SCOPE, Provision, RenameTenant,
    ResolveReview, RevokeApiKey, SettingsChange,
};
pub(crate) use payment::EvidenceJobs;
pub use payment::{
    AuditMethodRemoval, CheckAuthorizations, DisputeKey, EvidenceOutcome, MarkEvidenceSent, MethodUse,
    ObservedBy, PaymentTarget, PutOffEvidence, RecordFee, RecordPayment, RecordProviderCustomer,
    RecordRefund, Recorder, RefundOutcome, Settle, SettleDispute, SettleEvidence, SettleRefund, StartCapture,
    StartPayment, StartRefund, StartVoid, SubmitEvidence,
};
#[cfg(test)]
pub(crate) use payouts::blocks_release;
pub use payouts::{
    BeneficiaryTransfer, ChangeBeneficiary, CompleteBooking, CreateBeneficiary, DueRelease, MarkPayoutSent,
    MarkReversalSent, PayoutOutcome, PostponePayout, PostponeReversal, RecordPayout, RecordedOutcome,
    RefuseReversal, ReleaseFunds, ReversePayout, SetSplit, SettlePayout,
};
pub(crate) use payouts::{PayoutJobs, ReversalJobs};
pub use prune::{PruneAudit, PruneReplies, PruneWork};
pub(crate) use reconciliation::ReconciliationJobs;
pub use reconciliation::{
    AcceptDifference, ClearMarks, DecidedDifference, FinishReconciliation, RecordPage, RunProgress,
    StartReconciliation, StartedBy,
};
pub use relay::{
    ClaimPartitions, MarkPublished, MarkRepublished, PartitionLease, PruneDeliveries, PruneMessages,
    Published, SettleMessages, Subscribe,
};
pub use resources::{ChangeResource, CreateResource, SetProductResources};
pub use review::{AssignReview, CloseLookedUp, DecidedReview, LookUpReview, NoteReview};
pub use schedules::{
    AddBlackout, BookedSlots, ChangeSchedule, CreateSchedule, EndBlackout, MakeSlots, NextStep,
    ProductSchedules,
};

#[cfg(test)]
mod tests;
