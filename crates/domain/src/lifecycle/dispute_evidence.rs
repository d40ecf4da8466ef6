//! Evidence for a dispute: one submission to the bank, by one call to the provider.

crate::lifecycle! {
    /// What is known of the submission.
    "dispute evidence", ranked: true;
    states {
        /// No call was sent.
        Created = "created" (0),
        /// Committed before the call. From now on the bank may have it.
        Sent = "sent" (1),
        /// The reply was lost. Unknown is not refused.
        Unknown = "unknown" (2),
        /// The provider shows the dispute with evidence.
        Submitted = "submitted" (3),
        /// The provider has none of it.
        Refused = "refused" (3),
        /// A person gave it up with an unknown outcome.
        WrittenOff = "written_off" (3),
    }
    events {
        Send = "send",
        LoseSight = "lose_sight",
        Submit = "submit",
        Refuse = "refuse",
        WriteOff = "write_off",
    }
    starts Created;
    rows {
        Created + Send => Sent,
        // Somebody submitted evidence in the provider's dashboard in the meantime.
        Created + Submit => Submitted,
        // It was never sent: the dispute was closed, or its time was over.
        Created + Refuse => Refused,
        Created + WriteOff => WrittenOff,
        Sent + LoseSight => Unknown,
        Sent + Submit => Submitted,
        Sent + Refuse => Refused,
        Sent + WriteOff => WrittenOff,
        Unknown + Submit => Submitted,
        Unknown + Refuse => Refused,
        Unknown + WriteOff => WrittenOff,
    }
}
