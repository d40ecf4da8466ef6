//! Injected faults: an attack that cannot fail proves nothing.
//!
//! Each fault removes one protection. With the feature `fault_injection` a program can be started
//! with one of them, and the attack must then fail, in the scenario and on the promise that
//! `docs/proof.md` names. Without the feature [`is`] is the constant `false`, and the program has
//! no code of this crate.
//!
//! What must never be here: a way to inject two faults at once, or to change the fault of a running program.
#![no_std]
#![forbid(unsafe_code)]

/// Each fault has a name, and a sentence about the program that has it.
macro_rules! faults {
    ($( $fault:ident = $name:literal : $what:literal ),+ $(,)?) => {
        /// A protection that can be removed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum InjectedFault { $( #[doc = $what] $fault ),+ }

        impl InjectedFault {
            pub const ALL: &'static [InjectedFault] = &[ $( InjectedFault::$fault ),+ ];

            pub fn name(self) -> &'static str {
                match self { $( InjectedFault::$fault => $name ),+ }
            }

            /// What a program with this fault does.
            pub fn what(self) -> &'static str {
                match self { $( InjectedFault::$fault => $what ),+ }
            }
        }
    };
}

faults! {
    UniqueIndexDropped = "unique_index_dropped":
        "Two servers can both insert one idempotency key: the primary key of `keys` is gone, and ids do not come from keys.",
    FingerprintNotCompared = "fingerprint_not_compared":
        "A key that comes back with another body is answered with the first one's reply.",
    AnsweredBeforeCommit = "answered_before_commit":
        "The client gets a success before its transaction is committed.",
    LeaseNotFenced = "lease_not_fenced":
        "A worker whose lease was taken over may still write its result.",
    CapacityReadWithoutLock = "capacity_read_without_lock":
        "A slot is read without its lock and written without its guards.",
    ResourceNotLocked = "resource_not_locked":
        "A resource is read without its lock, and it and its days are written without their guards.",
    RefundWithoutGuard = "refund_without_guard":
        "Refunds under way do not count against the captured amount.",
    RefundOfDisputedPayment = "refund_of_disputed_payment":
        "A payment is refunded while the customer's bank takes the same money back.",
    UnknownTakenForFailed = "unknown_taken_for_failed":
        "A lost reply of the provider is reported to the client as a decline.",
    KeySentPastRetention = "key_sent_past_retention":
        "A refund is sent again under a key that the provider has forgotten.",
    WebhookTrustedUnsigned = "webhook_trusted_unsigned":
        "A webhook is accepted with any signature.",
    MarkedBeforePublished = "marked_before_published":
        "The relay marks messages as delivered, and delivers them afterwards.",
    ReceiptNotKept = "receipt_not_kept":
        "A consumer applies a message without a receipt, under a fresh id.",
    ReceiptsPrunedEarly = "receipts_pruned_early":
        "Receipts are deleted while their messages may still be repeated.",
    AttemptsNotCounted = "attempts_not_counted":
        "A failed delivery is tried again forever: its attempts are not counted.",
    CatchUpUnlimited = "catch_up_unlimited":
        "After an outage the relay publishes the whole backlog at once.",
    BudgetIgnored = "budget_ignored":
        "Retries do not count against a budget.",
    BreakerNeverOpens = "breaker_never_opens":
        "A provider that is down is called again and again.",
    JitterRemoved = "jitter_removed":
        "Every pause before a retry is the longest one.",
    RetryAfterIgnored = "retry_after_ignored":
        "A client retries before the time of `Retry-After`.",
    SentAfterHandOver = "sent_after_hand_over":
        "A call is sent although a person has its case.",
    SpentKeySentAgain = "spent_key_sent_again":
        "A call is repeated under a key for which the provider keeps an error.",
    RefundedIsOwedAgain = "refunded_is_owed_again":
        "Refunded money of a booking is due again.",
    PenaltyOwedAgain = "penalty_owed_again":
        "The penalty of cancelled tickets is due again.",
    QuoteNotCompared = "quote_not_compared":
        "A cancellation gives back another amount than its client expects.",
    TaxKeptAsRevenue = "tax_kept_as_revenue":
        "The taxes in recognized money are posted as revenue.",
    CaptureAmountBelieved = "capture_amount_believed":
        "Any amount in the reply to a capture is accepted.",
    HoldOutlivesDeparture = "hold_outlives_departure":
        "A hold lasts for the requested time, also past its departure.",
    UninvitedRefundIgnored = "uninvited_refund_ignored":
        "A refund that was made at the provider is ignored.",
    VoidLeavesConfirmed = "void_leaves_confirmed":
        "A booking stays confirmed when the payment that secured it is voided.",
    PaidHoldLapses = "paid_hold_lapses":
        "A hold lapses without a check of its open payment.",
    CacheTrustedForUnfinished = "cache_trusted_for_unfinished":
        "The cache answers for an operation that it never saw finished.",
    UnreadableStopsBatch = "unreadable_stops_batch":
        "A row that cannot be read fails every command of its batch.",
    UnreadableStopsSweep = "unreadable_stops_sweep":
        "A sweep that meets an unreadable row deletes nothing.",
    UnknownMembersDropped = "unknown_members_dropped":
        "Members that a newer version wrote into a JSON column are lost when the row is written.",
    OtherConsumersForgotten = "other_consumers_forgotten":
        "A message is marked as received while a consumer of a newer version has no receipt.",
    EventsShownToAll = "events_shown_to_all":
        "The events show a key data outside its scopes.",
    ModeNotCompared = "mode_not_compared":
        "A live key moves the money of a test payment.",
    LiveEventTaken = "live_event_taken":
        "An account accepts an event of the other mode.",
    DoorNotShared = "door_not_shared":
        "Webhooks of one account may take every permit of the webhooks.",
    WebhooksTakeRequests = "webhooks_take_requests":
        "Webhooks that are being received take the permits of the API's requests.",
    QueueNotShared = "queue_not_shared":
        "One tenant's commands may fill the store's queue.",
    EventsInNoLane = "events_in_no_lane":
        "One account's events may fill the queue of the system's own commands.",
    ReconciliationSkipsPage = "reconciliation_skips_page":
        "A reconciliation compares the first page of the provider's list and skips the others.",
    FeesNotRead = "fees_not_read":
        "A reconciliation does not record the fees in the provider's list.",
    IdsForgetKeys = "ids_forget_keys":
        "What a client makes has a fresh id, and not one from its idempotency key.",
    ReleasedTwice = "released_twice":
        "The funds of a booking stay due after their release, and its payouts have fresh ids.",
    PayoutKeyNotKept = "payout_key_not_kept":
        "A payout whose reply was lost is sent again under another key, without a look-up.",
    ReversalKeyNotKept = "reversal_key_not_kept":
        "A reversal whose reply was lost is sent again under another key, without a look-up.",
    ReadersNotShared = "readers_not_shared":
        "One tenant's reads may take every reader.",
    OneStepSentAfterCall = "one_step_sent_after_call":
        "A call that moves money in one step is made before it is committed as sent.",
    OneStepKeyNotKept = "one_step_key_not_kept":
        "A call at Mercado Pago has another key each time.",
    NotificationNamedByBody = "notification_named_by_body":
        "A delivery of Mercado Pago is known by an id in its body, which nobody has signed.",
    FoundAmountNotCompared = "found_amount_not_compared":
        "A payment that our reference finds is ours, whatever its amount.",
    CheckedInTwice = "checked_in_twice":
        "A ticket that was used is checked in again.",
}

/// Whether this build can be given a fault.
pub const CAN_INJECT: bool = cfg!(feature = "fault_injection");

/// The environment variable that a program of such a build takes its fault from.
pub const VARIABLE: &str = "SUREHOLD_INJECTED_FAULT";

impl InjectedFault {
    pub fn from_name(name: &str) -> Option<InjectedFault> {
        InjectedFault::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

#[cfg(feature = "fault_injection")]
mod chosen {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::InjectedFault;

    /// 0 is none; else the position in [`InjectedFault::ALL`], from 1.
    static CHOSEN: AtomicUsize = AtomicUsize::new(0);

    /// Chooses the fault of this program, once, before it does anything. Answers whether it was the
    /// first choice.
    pub fn inject(fault: InjectedFault) -> bool {
        CHOSEN.compare_exchange(0, fault as usize + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Whether this program was started with this fault.
    pub fn is(fault: InjectedFault) -> bool {
        CHOSEN.load(Ordering::Relaxed) == fault as usize + 1
    }
}

#[cfg(feature = "fault_injection")]
pub use chosen::{inject, is};

/// Whether this program was started with this fault: a build without the feature never is.
#[cfg(not(feature = "fault_injection"))]
pub const fn is(_: InjectedFault) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for fault in InjectedFault::ALL {
            assert_eq!(InjectedFault::from_name(fault.name()), Some(*fault));
            assert!(fault.what().ends_with('.'), "{}", fault.name());
        }
        assert_eq!(InjectedFault::from_name("no_such_bug"), None);
    }

    #[cfg(feature = "fault_injection")]
    #[test]
    fn one_fault_is_chosen_once() {
        assert!(!is(InjectedFault::JitterRemoved));
        assert!(inject(InjectedFault::JitterRemoved));
        assert!(!inject(InjectedFault::BudgetIgnored), "a second choice is no choice");
        assert!(is(InjectedFault::JitterRemoved) && !is(InjectedFault::BudgetIgnored));
    }

    #[cfg(not(feature = "fault_injection"))]
    #[test]
    fn without_the_feature_there_are_no_faults() {
        assert!(InjectedFault::ALL.iter().all(|fault| !is(*fault)));
    }
}
