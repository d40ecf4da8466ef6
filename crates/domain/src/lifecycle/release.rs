//! The release of a booking's funds: the money of a completed booking is divided and paid out, once.

crate::lifecycle! {
    /// Where the funds of a booking stand.
    "release", ranked: true;
    states {
        /// The booking is not completed.
        Pending = "pending" (0),
        /// The booking is completed. The funds are released as soon as nothing stands against it.
        Due = "due" (1),
        /// The funds cannot be divided by the rule. A person has the case.
        Review = "review" (2),
        /// Divided among the parties.
        Released = "released" (3),
        /// No money was left when it was due.
        Void = "void" (3),
    }
    events {
        Complete = "complete",
        Release = "release",
        FindNothing = "find_nothing",
        GiveUp = "give_up",
    }
    starts Pending;
    rows {
        Pending + Complete => Due,
        Due + Release => Released,
        Due + FindNothing => Void,
        Due + GiveUp => Review,
    }
}
