//! A provider's event, from its arrival on.

crate::lifecycle! {
    /// What became of an event.
    "inbound event", ranked: true;
    states {
        /// Verified and stored; not yet looked at.
        Received = "received" (0),
        /// It could not be processed; a person may.
        Dead = "dead" (1),
        Processed = "processed" (2),
        /// Stale, a repetition, or about nothing of ours.
        Ignored = "ignored" (2),
    }
    events {
        Process = "process",
        Ignore = "ignore",
        GiveUp = "give_up",
    }
    starts Received;
    rows {
        Received + Process => Processed,
        Received + Ignore => Ignored,
        Received + GiveUp => Dead,
        Dead + Process => Processed,
        Dead + Ignore => Ignored,
    }
}
