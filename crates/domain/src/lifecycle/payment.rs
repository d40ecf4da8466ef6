//! A payment: money that a customer owes for one thing, at one provider.

crate::lifecycle! {
    /// What a payment is.
    "payment", ranked: true;
    states {
        Created = "created" (0),
        /// The customer or the provider must act.
        Pending = "pending" (1),
        /// The money is reserved and can be captured.
        Authorized = "authorized" (2),
        Captured = "captured" (3),
        /// The provider's object is terminal and took no money.
        Failed = "failed" (3),
        Cancelled = "cancelled" (3),
        /// The authorisation ran out.
        Lapsed = "lapsed" (3),
        /// A person gave it up with an unknown outcome. Money that is seen later is a contradiction.
        WrittenOff = "written_off" (3),
    }
    events {
        /// The provider has an object for it.
        Sent = "sent",
        Authorized = "authorized",
        Captured = "captured",
        Declined = "declined",
        Voided = "voided",
        AuthorizationLapsed = "authorization_lapsed",
        WrittenOff = "written_off",
        /// A person received the money, without a provider.
        Recorded = "recorded",
    }
    starts Created;
    rows {
        Created + Sent => Pending,
        Created + Declined => Failed,
        Created + Voided => Cancelled,
        Created + Recorded => Captured,
        Pending + Authorized => Authorized,
        Pending + Captured => Captured,
        Pending + Declined => Failed,
        Pending + Voided => Cancelled,
        Pending + WrittenOff => WrittenOff,
        Authorized + Captured => Captured,
        Authorized + Voided => Cancelled,
        Authorized + AuthorizationLapsed => Lapsed,
    }
}
