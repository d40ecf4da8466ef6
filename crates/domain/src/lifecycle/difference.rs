//! A difference between the provider's books and ours.

crate::lifecycle! {
    /// What became of a difference. It has no ranks, because a difference may come back.
    "difference", ranked: false;
    states {
        Open = "open" (0),
        /// A later look found none.
        Settled = "settled" (1),
        /// A person accepts it as it is.
        Accepted = "accepted" (1),
    }
    events {
        Vanish = "vanish",
        Accept = "accept",
        /// It was found again: after it had vanished, or with other amounts than were accepted.
        Return = "return",
    }
    starts Open;
    rows {
        Open + Vanish => Settled,
        Open + Accept => Accepted,
        Accepted + Vanish => Settled,
        Accepted + Return => Open,
        Settled + Return => Open,
    }
}
