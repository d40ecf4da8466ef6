//! A booking: seats of a slot, held for a time, then confirmed by money, or released.

crate::lifecycle! {
    /// What a booking is.
    "booking", ranked: true;
    states {
        /// The seats are kept until the hold expires.
        Held = "held" (0),
        Expired = "expired" (1),
        Confirmed = "confirmed" (2),
        Completed = "completed" (3),
        NoShow = "no_show" (3),
        Cancelled = "cancelled" (3),
    }
    events {
        /// There is evidence that the money is authorised or captured, or the booking is free.
        PaymentSecured = "payment_secured",
        HoldTimedOut = "hold_timed_out",
        CustomerCancelled = "customer_cancelled",
        ServiceDelivered = "service_delivered",
        CustomerAbsent = "customer_absent",
        /// The tenant voided the payment that secured it, and no other money is left.
        SecurityReleased = "security_released",
    }
    starts Held;
    rows {
        Held + PaymentSecured => Confirmed [SellSeats],
        Held + HoldTimedOut => Expired [ReleaseSeats],
        Held + CustomerCancelled => Cancelled [ReleaseSeats],
        Expired + PaymentSecured => Confirmed [RetakeSeats],
        Confirmed + ServiceDelivered => Completed,
        Confirmed + CustomerAbsent => NoShow,
        Confirmed + CustomerCancelled => Cancelled [ReturnSeats],
        Confirmed + SecurityReleased => Cancelled [ReturnSeats],
    }
}
