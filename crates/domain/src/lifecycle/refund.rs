//! A refund: captured money on its way back.

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
        /// A person gave it up with its outcome unknown. Its sum may be asked back again.
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
        // It was made after all: the provider says so.
        WrittenOff + Succeeded => Succeeded,
        WrittenOff + Failed => Failed,
        // Providers do that: the bank sends the money back. It is a movement of its own.
        Succeeded + Failed => Failed,
    }
}
