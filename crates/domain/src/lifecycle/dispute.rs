//! A dispute: the customer's bank asks about a captured payment, or takes it back.

crate::lifecycle! {
    /// What the bank has decided so far.
    "dispute", ranked: true;
    states {
        /// The bank requests information. No money moves.
        Inquiry = "inquiry" (0),
        /// The bank takes the money back, until it has decided.
        Opened = "opened" (1),
        /// It ended without a decision: an inquiry without consequences, or a dispute that was prevented.
        Closed = "closed" (2),
        Won = "won" (2),
        Lost = "lost" (2),
    }
    events {
        /// The bank takes the money back, at once or after an inquiry.
        Open = "open",
        Close = "close",
        Win = "win",
        Lose = "lose",
    }
    starts Inquiry;
    rows {
        Inquiry + Open => Opened,
        Inquiry + Close => Closed,
        Opened + Close => Closed,
        Opened + Win => Won,
        Opened + Lose => Lost,
    }
}
