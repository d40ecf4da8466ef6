//! A job: work that outlives the request that asked for it.

crate::lifecycle! {
    /// Where a job is. It has no ranks: it may go round.
    "job", ranked: false;
    states {
        Ready = "ready" (0),
        /// Under a lease, with a fencing token.
        Running = "running" (0),
        Done = "done" (1),
        /// Gave up; a person may send it round again.
        Dead = "dead" (1),
    }
    events {
        Claim = "claim",
        /// The lease lapsed: another worker takes over under a new token.
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
