//! A refund: the return of captured money.

crate::lifecycle! {
    /// What a refund is.
    "refund", ranked: true;
    states {
        Created = "created" (0),
        /// The provider has it and has not finished.
        Pending = "pending" (1),
        Unknown = "unknown" (1),
        Review = "review" (2),
        Succeeded = "succeeded" (3),
        /// A person gave it up with an unknown outcome. Its sum can be refunded again.
        WrittenOff = "written_off" (3),
        Failed = "failed" (4),
    }
    events {
        Accepted = "accepted",
        LostSight = "lost_sight",
        Succeeded = "succeeded",
        Failed = "failed",
        GaveUp = "gave_up",
        WrittenOff = "written_off",
    }
    starts Created;
    rows {
        Created + Accepted => Pending,
        Created + LostSight => Unknown,
        Created + Succeeded => Succeeded,
        Created + Failed => Failed,
        Unknown + Accepted => Pending,
        Unknown + Succeeded => Succeeded,
        Unknown + Failed => Failed,
        Unknown + GaveUp => Review,
        Pending + Succeeded => Succeeded,
        Pending + Failed => Failed,
        Review + Succeeded => Succeeded,
        Review + Failed => Failed,
        Review + WrittenOff => WrittenOff,
        // The provider reports that it was made.
        WrittenOff + Succeeded => Succeeded,
        WrittenOff + Failed => Failed,
        // The customer's bank sent the money back to the provider. This is a movement of its own.
        Succeeded + Failed => Failed,
    }
}
