//! An attempt: one call that moves money, or voids an authorisation.

crate::lifecycle! {
    /// What is known of the call.
    "attempt", ranked: true;
    states {
        /// No call was sent that could move money.
        Created = "created" (0),
        /// Committed before the call. From now on money may have moved.
        Sent = "sent" (1),
        /// The reply was lost. Unknown is not failed.
        Unknown = "unknown" (2),
        /// A person has the case.
        Review = "review" (3),
        Succeeded = "succeeded" (4),
        Declined = "declined" (4),
        WrittenOff = "written_off" (4),
    }
    events {
        Send = "send",
        Succeed = "succeed",
        Decline = "decline",
        LoseSight = "lose_sight",
        GiveUp = "give_up",
        WriteOff = "write_off",
    }
    starts Created;
    rows {
        Created + Send => Sent,
        // It was never sent, so no money can have moved: the provider was unreachable, or the
        // payment was voided.
        Created + Decline => Declined,
        // A void whose payment ended by itself in the meantime.
        Created + Succeed => Succeeded,
        Sent + Succeed => Succeeded,
        Sent + Decline => Declined,
        Sent + LoseSight => Unknown,
        Unknown + Succeed => Succeeded,
        Unknown + Decline => Declined,
        Unknown + GiveUp => Review,
        Review + Succeed => Succeeded,
        Review + Decline => Declined,
        Review + WriteOff => WrittenOff,
    }
}
