//! A reconciliation: one comparison of an account's books at the provider with ours.

crate::lifecycle! {
    /// How far a run is.
    "reconciliation", ranked: true;
    states {
        /// Its job works on it, page by page.
        Running = "running" (0),
        Finished = "finished" (1),
        /// It was given up. The next run covers its time as well.
        Failed = "failed" (1),
    }
    events {
        Finish = "finish",
        Fail = "fail",
    }
    starts Running;
    rows {
        Running + Finish => Finished,
        Running + Fail => Failed,
    }
}
