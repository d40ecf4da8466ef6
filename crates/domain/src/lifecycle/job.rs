//! A job: work that continues after its request.

crate::lifecycle! {
    /// The state of a job. It has no ranks, because a job may run several times.
    "job", ranked: false;
    states {
        Ready = "ready" (0),
        /// Under a lease, with a fencing token.
        Running = "running" (0),
        Done = "done" (1),
        /// It was given up. A person may retry it.
        Dead = "dead" (1),
    }
    events {
        Claim = "claim",
        /// The lease lapsed, and another worker takes over under a new token.
        TakeOver = "take_over",
        Reschedule = "reschedule",
        Finish = "finish",
        GiveUp = "give_up",
        Revive = "revive",
    }
    starts Ready;
    rows {
        Ready + Claim => Running,
        Ready + Finish => Done,
        Ready + Reschedule => Ready,
        Running + TakeOver => Running,
        Running + Reschedule => Ready,
        Running + Finish => Done,
        Running + GiveUp => Dead,
        Dead + Revive => Ready,
        Dead + Finish => Done,
    }
}
