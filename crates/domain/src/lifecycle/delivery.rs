//! A delivery: one message at one consumer.

crate::lifecycle! {
    /// Where a delivery is. It has no ranks: a person may send it round again.
    "delivery", ranked: false;
    states {
        /// It was begun, and did not come to its end or failed; it will be begun again.
        Waiting = "waiting" (0),
        /// Its effect and this were committed together.
        Received = "received" (1),
        /// Gave up; a person may send it round again.
        Dead = "dead" (1),
        /// A person decided that it shall have no effect.
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
