//! A payout: the payment of one beneficiary's share of one booking.

crate::lifecycle! {
    /// What a payout is.
    "payout", ranked: true;
    states {
        /// Nothing was sent. A manual payout waits for the person who pays it.
        Scheduled = "scheduled" (0),
        /// Committed before the call. From now on money may have moved.
        Sent = "sent" (1),
        /// The reply was lost. Unknown is not failed.
        Unknown = "unknown" (2),
        /// A person has the case.
        Review = "review" (3),
        /// The provider refused it for good. A person can still pay it by other means.
        Failed = "failed" (4),
        Paid = "paid" (5),
        /// All of it came back.
        Returned = "returned" (6),
    }
    events {
        Send = "send",
        Pay = "pay",
        Fail = "fail",
        LoseSight = "lose_sight",
        GiveUp = "give_up",
        Return = "return",
    }
    starts Scheduled;
    rows {
        Scheduled + Send => Sent,
        // A person paid it, and recorded that.
        Scheduled + Pay => Paid,
        Sent + Pay => Paid,
        Sent + Fail => Failed,
        Sent + LoseSight => Unknown,
        Unknown + Pay => Paid,
        Unknown + Fail => Failed,
        Unknown + GiveUp => Review,
        Review + Pay => Paid,
        Review + Fail => Failed,
        // A person paid it by other means, or the provider shows that it was made after all.
        Failed + Pay => Paid,
        Paid + Return => Returned,
    }
}
