//! A delivery: one message at one consumer.

crate::lifecycle! {
    /// The state of a delivery. It has no ranks, because a person may retry it.
    "delivery", ranked: false;
    states {
        /// It has failed or not ended, and will be tried again.
        Waiting = "waiting" (0),
        /// Committed together with its effect.
        Received = "received" (1),
        /// It was given up. A person may retry it.
        Dead = "dead" (1),
        /// A person decided that it has no effect.
        Discarded = "discarded" (1),
    }
    events {
        /// Counted before the handler starts.
        Begin = "begin",
        Fail = "fail",
        Receive = "receive",
        GiveUp = "give_up",
        Retry = "retry",
        Discard = "discard",
    }
    starts Waiting;
    rows {
        Waiting + Begin => Waiting,
        Waiting + Fail => Waiting,
        Waiting + Receive => Received,
        Waiting + GiveUp => Dead,
        Dead + Retry => Waiting,
        Dead + Discard => Discarded,
    }
}
