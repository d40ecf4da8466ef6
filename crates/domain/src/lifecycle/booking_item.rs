//! An item of a booking: some seats of one slot. The slot counts the seats of items in the states `held` and
//! `sold`. The seats of the others are free.

crate::lifecycle! {
    /// The state of an item's seats.
    "booking item", ranked: true;
    states {
        /// The seats are kept until the booking's hold expires.
        Held = "held" (0),
        /// The seats were released before they were sold.
        Released = "released" (1),
        Sold = "sold" (2),
        /// The seats were released after they had been sold.
        Returned = "returned" (3),
    }
    events {
        Sell = "sell",
        Release = "release",
        /// Late money takes released seats again.
        Retake = "retake",
        Return = "return",
    }
    starts Held;
    rows {
        Held + Sell => Sold,
        Held + Release => Released,
        Released + Retake => Sold,
        Sold + Return => Returned,
    }
}
