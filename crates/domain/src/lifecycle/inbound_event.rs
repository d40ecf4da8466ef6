//! A provider's event, from its arrival on.

crate::lifecycle! {
    /// What became of an event.
    "inbound event", ranked: true;
    states {
        /// Verified and stored; not yet looked at.
        Received = "received" (0),
        /// It could not be processed; a person may send it round again. No further than received:
        /// nothing came of it yet.
        Dead = "dead" (0),
        Processed = "processed" (2),
        /// Stale, a repetition, or about nothing of ours.
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
