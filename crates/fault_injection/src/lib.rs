//! Faults put in on purpose: an attack that cannot fail proves nothing.
//!
//! Each is a wall taken down at the one place where it stands. With the feature `fault_injection` a program may
//! be started with one of them, and the attack must then fail, in the scenario and on the promise that
//! `docs/proof.md` names. Without the feature [`is`] is a constant `false`, and nothing of this is in the
//! program.
//!
//! What must never be here: a way to take two walls down at once, or to change the choice of a program
//! that runs.
#![no_std]
#![forbid(unsafe_code)]

/// A fault: its name, and what is wrong with the program that has it.
macro_rules! faults {
    ($( $fault:ident = $name:literal : $what:literal ),+ $(,)?) => {
        /// A wall that can be taken down.
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
        "Two servers can both insert one idempotency key: the primary key of `keys` is gone.",
    FingerprintNotCompared = "fingerprint_not_compared":
        "A key that comes back with another body is answered with the first one's reply.",
    AnsweredBeforeCommit = "answered_before_commit":
        "The client hears of a success whose transaction is still to be committed.",
    LeaseNotFenced = "lease_not_fenced":
        "A worker whose lease was taken over may still write what it learned.",
    CapacityReadWithoutLock = "capacity_read_without_lock":
        "A slot is read without its lock and written without its guards.",
    RefundWithoutGuard = "refund_without_guard":
        "Refunds under way are not held against what was captured.",
    UnknownTakenForFailed = "unknown_taken_for_failed":
        "A lost answer of the provider is told to the client as a decline.",
    KeySentPastRetention = "key_sent_past_retention":
        "A refund is sent again under a key that the provider has forgotten.",
    WebhookTrustedUnsigned = "webhook_trusted_unsigned":
        "A webhook is believed whatever its signature says.",
    MarkedBeforePublished = "marked_before_published":
        "The relay marks messages as delivered, and delivers them afterwards.",
    ReceiptNotKept = "receipt_not_kept":
        "A consumer applies a message without a receipt, under a fresh id.",
    ReceiptsPrunedEarly = "receipts_pruned_early":
        "Receipts are let go while their messages may still come again.",
    AttemptsNotCounted = "attempts_not_counted":
        "A failed delivery is tried again forever: its attempts are not counted.",
    CatchUpUnlimited = "catch_up_unlimited":
        "After an outage the relay brings the whole backlog at once.",
    BudgetIgnored = "budget_ignored":
        "Retries are not held against a budget.",
    BreakerNeverOpens = "breaker_never_opens":
        "A provider that is down is called on and on.",
    JitterRemoved = "jitter_removed":
        "Every pause before a retry is the longest one.",
    RetryAfterIgnored = "retry_after_ignored":
        "A client comes back before the server said that it may.",
    SentAfterHandOver = "sent_after_hand_over":
        "What was handed over to a person is sent all the same.",
    SpentKeySentAgain = "spent_key_sent_again":
        "A call is said again under a key that the provider keeps an error under.",
    RefundedIsOwedAgain = "refunded_is_owed_again":
        "What a booking owes is its total less what it holds: money that was given back is owed again.",
    CaptureAmountBelieved = "capture_amount_believed":
        "Whatever amount a capture is answered with is believed.",
    HoldOutlivesDeparture = "hold_outlives_departure":
        "A hold lasts as long as was asked, past the departure that it is for.",
    UninvitedRefundIgnored = "uninvited_refund_ignored":
        "A refund that somebody made at the provider is nobody's.",
    VoidLeavesConfirmed = "void_leaves_confirmed":
        "A booking stays confirmed when the payment that secured it is called off.",
    PaidHoldLapses = "paid_hold_lapses":
        "A hold lapses without a look at the payment that is open for it.",
    CacheTrustedForUnfinished = "cache_trusted_for_unfinished":
        "The cache answers for an operation that it never saw finished.",
    UnreadableStopsBatch = "unreadable_stops_batch":
        "A row that cannot be read fails every command of its batch.",
    UnreadableStopsSweep = "unreadable_stops_sweep":
        "A sweep that meets a row which cannot be read lets nothing go.",
    UnknownMembersDropped = "unknown_members_dropped":
        "What a newer version wrote into a JSON column is lost when the row is written.",
    OtherConsumersForgotten = "other_consumers_forgotten":
        "A message is marked as received while a consumer of a newer version has no receipt.",
    EventsShownToAll = "events_shown_to_all":
        "The events show a key what its scopes do not.",
    ModeNotCompared = "mode_not_compared":
        "A live key moves the money of a test payment.",
    LiveEventTaken = "live_event_taken":
        "An event of the other mode is taken at an account's door.",
    DoorNotShared = "door_not_shared":
        "Webhooks of one account may take every place at the door.",
    WebhooksTakeRequests = "webhooks_take_requests":
        "Webhooks on their way in take the places of the API's requests.",
    QueueNotShared = "queue_not_shared":
        "One tenant's commands may fill the store's queue.",
    EventsInNoLane = "events_in_no_lane":
        "One account's events may fill the room of the system's own commands.",
    ReadersNotShared = "readers_not_shared":
        "One tenant's reads may take every reader.",
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

    /// 0: none; else its place in [`InjectedFault::ALL`], from 1.
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
    fn names_are_told_apart() {
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
