//! A review case: what only a person can settle.

crate::lifecycle! {
    /// Whether somebody still has to look.
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
