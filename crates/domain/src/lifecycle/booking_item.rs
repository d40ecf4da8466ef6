//! An item of a booking: some seats of one slot. Which of the slot's counters they stand in follows from
//! the state: `held` and `sold` are counted, the others are free.

crate::lifecycle! {
    /// Where an item's seats are.
    "booking item", ranked: true;
    states {
        /// The seats are kept until the booking's hold expires.
        Held = "held" (0),
        /// The seats went back before they were sold.
        Released = "released" (1),
        Sold = "sold" (2),
        /// The seats went back after they had been sold.
        Returned = "returned" (3),
    }
    events {
        Sell = "sell",
        Release = "release",
        /// Late money takes seats again that were given up.
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
