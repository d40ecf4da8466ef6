//! An attempt: one call that moves money, or takes back the right to.

crate::lifecycle! {
    /// What is known of the call.
    "attempt", ranked: true;
    states {
        /// Nothing was sent that could move money.
        Created = "created" (0),
        /// Committed before the call: money may have moved from here on.
        Sent = "sent" (1),
        /// The answer was lost. Unknown is not failed.
        Unknown = "unknown" (2),
        /// Past its deadline: a person must look.
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
        // Never sent, so nothing can have moved: the provider was out of reach, or it was called off.
        Created + Decline => Declined,
        // A void whose payment ended by itself meanwhile: what it wanted is so.
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
