//! A review case: a situation that only a person can decide.

crate::lifecycle! {
    /// Whether a person still has to decide.
    "review case", ranked: true;
    states {
        Open = "open" (0),
        Resolved = "resolved" (1),
    }
    events {
        Resolve = "resolve",
    }
    starts Open;
    rows {
        Open + Resolve => Resolved,
    }
}
