//! A provider's event.

crate::lifecycle! {
    /// The state of an event.
    "inbound event", ranked: true;
    states {
        /// Verified and stored, not processed yet.
        Received = "received" (0),
        /// It could not be processed. A person may retry it, so its rank is that of `received`.
        Dead = "dead" (0),
        Processed = "processed" (2),
        /// Stale, a repetition, or about no object of ours.
        Ignored = "ignored" (2),
    }
    events {
        Process = "process",
        Ignore = "ignore",
        GiveUp = "give_up",
        Retry = "retry",
    }
    starts Received;
    rows {
        Received + Process => Processed,
        Received + Ignore => Ignored,
        Received + GiveUp => Dead,
        Dead + Retry => Received,
        Dead + Process => Processed,
        Dead + Ignore => Ignored,
    }
}
