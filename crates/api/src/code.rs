//! Every code of a problem document, with its status, its title and whether to retry.
//! `docs/errors.md` is generated from this list.

mod advice;

use std::fmt::Write as _;

/// Where the code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOrigin {
    /// The HTTP layer, before a decision. Never stored under an idempotency key.
    Wire,
    /// A decision: one of `domain::Refusal`.
    Refusal,
    /// A decision on the program's own work: a refusal that clients never see.
    Internal,
}

macro_rules! codes {
    ($( $origin:ident { $( $name:ident = $code:literal, $status:literal, $retryable:literal, $title:literal; )+ } )+) => {
        /// A stable code. Codes are never renamed and never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $( $( $name, )+ )+ }

        impl Code {
            pub const ALL: &'static [Code] = &[ $( $( Code::$name, )+ )+ ];

            pub const fn name(self) -> &'static str {
                match self { $( $( Code::$name => $code, )+ )+ }
            }
            pub const fn status(self) -> u16 {
                match self { $( $( Code::$name => $status, )+ )+ }
            }
            /// Whether the same request, under the same idempotency key, may succeed later.
            pub const fn is_retryable(self) -> bool {
                match self { $( $( Code::$name => $retryable, )+ )+ }
            }
            pub const fn title(self) -> &'static str {
                match self { $( $( Code::$name => $title, )+ )+ }
            }
            /// The address of the code's explanation: the `type` of a problem document.
            pub const fn page(self) -> &'static str {
                match self { $( $( Code::$name => concat!("/docs/errors#", $code), )+ )+ }
            }
            pub const fn origin(self) -> CodeOrigin {
                match self { $( $( Code::$name => CodeOrigin::$origin, )+ )+ }
            }
        }
    };
}

codes! {
    Wire {
        MalformedJson = "malformed_json", 400, false, "The body is not accepted JSON";
        ValidationFailed = "validation_failed", 400, false, "The request is invalid";
        NotOfferedByProvider = "not_offered_by_provider", 422, false,
            "The provider does not offer such a payment, or needs more for it";
        CardNumberRefused = "card_number_refused", 400, false,
            "The request contains what looks like a card number, which is never accepted";
        HostHeaderMalformed = "host_header_malformed", 400, false, "The request does not name one host";
        IdempotencyKeyMissing = "idempotency_key_missing", 400, false,
            "A request that books or moves money needs an Idempotency-Key header";
        IdempotencyKeyMalformed = "idempotency_key_malformed", 400, false,
            "The Idempotency-Key header is not one key of 1 to 255 visible ASCII characters";
        WebhookSignatureMissing = "webhook_signature_missing", 400, false, "The webhook is not signed";
        WebhookSignatureInvalid = "webhook_signature_invalid", 400, false,
            "The webhook's signature is not one of this account";
        WebhookModeDoesNotMatch = "webhook_mode_does_not_match", 400, false,
            "The event's mode differs from the account's";
        WebhookSignatureTooOld = "webhook_signature_too_old", 400, false,
            "The webhook was signed too long ago, or in the future";
        TicketSignatureInvalid = "ticket_signature_invalid", 422, false,
            "It is no ticket that this installation has signed";
        TicketsAreNotSigned = "tickets_are_not_signed", 409, false,
            "This installation has no key to sign tickets with";
        Unauthenticated = "unauthenticated", 401, false, "The API key is missing, unknown or revoked";
        ScopeIsMissing = "scope_is_missing", 403, false, "The API key does not allow this";
        NotFound = "not_found", 404, false, "There is nothing at this address";
        MethodNotAllowed = "method_not_allowed", 405, false, "This address does not take this method";
        RequestTimedOut = "request_timed_out", 503, true,
            "The request took too long; if it has an idempotency key, its outcome is stored under it";
        RequestInProgress = "request_in_progress", 409, true,
            "A request with this idempotency key is still in progress";
        IdempotencyKeyExpired = "idempotency_key_expired", 409, false,
            "The reply to this request is no longer stored";
        BodyIsTooLarge = "body_is_too_large", 413, false, "The body is too large";
        AddressIsTooLong = "address_is_too_long", 414, false, "The address is too long";
        UnsupportedMediaType = "unsupported_media_type", 415, false, "The body must be application/json";
        ContentCodingNotAccepted = "content_coding_not_accepted", 415, false,
            "The body must not be compressed or encoded";
        IdempotencyKeyReused = "idempotency_key_reused", 422, false,
            "The idempotency key was used for another request";
        RateLimited = "rate_limited", 429, true, "This tenant sends too many requests at once; nothing was done";
        HeadersAreTooLarge = "headers_are_too_large", 431, false, "The headers are too large";
        InternalError = "internal_error", 500, true,
            "The server failed; the same request under the same key is safe";
        SavedMethodNotFound = "saved_method_not_found", 404, false,
            "The customer has no such saved payment method at this account";
        ProviderUnavailable = "provider_unavailable", 503, true,
            "The provider cannot be asked at present; the same request again is safe";
        Overloaded = "overloaded", 503, true, "The server is overloaded; nothing was done";
        StorageUnavailable = "storage_unavailable", 503, true, "The database is unreachable; nothing was done";
        CommitOutcomeUnknown = "commit_outcome_unknown", 503, true,
            "It may or may not have been done; the same request under the same key shows which";
    }
    Refusal {
        ProductNotFound = "product_not_found", 404, false, "There is no such product";
        UnitNotFound = "unit_not_found", 404, false, "There is no such unit";
        SlotNotFound = "slot_not_found", 404, false, "There is no such slot";
        ScheduleNotFound = "schedule_not_found", 404, false, "There is no such schedule";
        ResourceNotFound = "resource_not_found", 404, false, "There is no such resource";
        ResourceIsTaken = "resource_is_taken", 409, false, "A resource of the slot is taken at this time";
        ResourceIsInUse = "resource_is_in_use", 409, false, "Slots with bookings need more of the resource";
        BlackoutNotFound = "blackout_not_found", 404, false, "There is no such blackout";
        BookingNotFound = "booking_not_found", 404, false, "There is no such booking";
        PaymentNotFound = "payment_not_found", 404, false, "There is no such payment";
        RefundNotFound = "refund_not_found", 404, false, "There is no such refund";
        DisputeNotFound = "dispute_not_found", 404, false, "There is no such dispute";
        ProviderAccountNotFound = "provider_account_not_found", 404, false,
            "There is no account at this provider";
        ClientNotFound = "client_not_found", 404, false, "There is no such client";
        ReviewCaseNotFound = "review_case_not_found", 404, false, "There is no such review case";
        ApiKeyNotFound = "api_key_not_found", 404, false, "There is no such API key";
        DeadLetterNotFound = "dead_letter_not_found", 404, false, "There is no such dead letter";
        ReconciliationNotFound = "reconciliation_not_found", 404, false, "There is no such reconciliation";
        DifferenceNotFound = "difference_not_found", 404, false, "There is no such difference";
        ReconciliationIsRunning = "reconciliation_is_running", 409, true,
            "A reconciliation of the account is running";
        BeneficiaryNotFound = "beneficiary_not_found", 404, false, "There is no such beneficiary";
        PayoutNotFound = "payout_not_found", 404, false, "There is no such payout";
        ChangedMeanwhile = "changed_meanwhile", 409, true, "It was changed meanwhile";
        ProductIsNotOnSale = "product_is_not_on_sale", 409, false, "The product is not on sale";
        UnitIsNotOfThisProduct = "unit_is_not_of_this_product", 422, false,
            "The unit belongs to another product";
        UnitIsNotOnSale = "unit_is_not_on_sale", 409, false, "The unit is not on sale";
        TooManyUnits = "too_many_units", 409, false, "The product would have too many units";
        TooManySchedules = "too_many_schedules", 409, false, "The product would have too many schedules";
        TooManyBlackouts = "too_many_blackouts", 409, false, "The product would have too many blackouts";
        SlotAlreadyExists = "slot_already_exists", 409, false,
            "The product already has a slot at this time";
        SlotIsClosed = "slot_is_closed", 409, false, "The slot accepts no more reservations";
        SlotHasStarted = "slot_has_started", 409, false, "The slot has started";
        SlotIsFull = "slot_is_full", 409, false, "The slot has too few vacancies";
        CurrenciesDiffer = "currencies_differ", 422, false, "The products of the booking have different currencies";
        SplitRulesDiffer = "split_rules_differ", 409, false,
            "The products of the booking divide their money by different rules";
        PriceHasChanged = "price_has_changed", 409, false,
            "The booking costs something else than the client has expected";
        TooManySeatsHeldByCustomer = "too_many_seats_held_by_customer", 409, false,
            "The customer would hold too many unpaid seats";
        TooManySeatsHeldByClient = "too_many_seats_held_by_client", 409, false,
            "This client would hold too many unpaid seats";
        HoldIsTooLong = "hold_is_too_long", 422, false, "The hold is too long";
        HoldIsAtItsLimit = "hold_is_at_its_limit", 409, false, "The hold cannot end later than it does";
        AmountIsTooLarge = "amount_is_too_large", 422, false, "The amount is too large";
        BookingIsNotHeld = "booking_is_not_held", 409, false, "The booking is no longer a hold";
        HoldHasExpired = "hold_has_expired", 409, false, "The hold has expired";
        BookingHasOpenPayment = "booking_has_open_payment", 409, true, "A payment of the booking is in progress";
        HoldIsCancelledWhole = "hold_is_cancelled_whole", 409, false,
            "A hold is cancelled with all its tickets";
        ItemNotFound = "item_not_found", 404, false, "The booking has no such item";
        NotSoManyTickets = "not_so_many_tickets", 409, false, "The item has fewer sold tickets";
        QuoteHasChanged = "quote_has_changed", 409, false, "The cancellation would give back another amount";
        TicketsAreCheckedIn = "tickets_are_checked_in", 409, false,
            "Tickets of the item are checked in, so that some of them cannot be cancelled";
        BookingIsNotConfirmed = "booking_is_not_confirmed", 409, false, "The booking is not confirmed";
        TicketIsCancelled = "ticket_is_cancelled", 409, false, "The ticket is cancelled";
        TicketIsForAnotherSlot = "ticket_is_for_another_slot", 409, false, "The ticket is for another slot";
        CheckInWasUndone = "check_in_was_undone", 409, false,
            "A person has undone the check-in after this scan";
        CheckInNotFound = "check_in_not_found", 404, false, "There is no such check-in";
        ExpectedRefundIsMissing = "expected_refund_is_missing", 409, false,
            "The cancellation of a paid booking names the refund it expects";
        NothingIsDue = "nothing_is_due", 409, false, "The booking is paid";
        AmountExceedsTotal = "amount_exceeds_total", 422, false,
            "The charge exceeds the price of the booking minus the money that it has";
        AmountDoesNotCoverWhatIsDue = "amount_does_not_cover_what_is_due", 422, false,
            "A hold is confirmed only by a payment of all that is due";
        PaymentOutlivesHold = "payment_outlives_hold", 422, false,
            "The customer could pay until after the hold must end";
        CustomerHasNoSavedMethod = "customer_has_no_saved_method", 422, false,
            "The customer has saved no payment method at this account";
        CurrencyIsNotTaken = "currency_is_not_taken", 422, false,
            "The provider accepts no payments in this currency";
        AmountIsNotPayable = "amount_is_not_payable", 422, false, "The provider cannot move such an amount";
        PaymentAlreadyOpen = "payment_already_open", 409, true, "A payment of the booking is already open";
        TooManyPayments = "too_many_payments", 409, false, "The booking has had too many payments";
        CurrencyIsNotTheBookings = "currency_is_not_the_bookings", 422, false,
            "The amount is in another currency than the booking";
        PaymentDeclined = "payment_declined", 402, false, "The payment was declined";
        PaymentWasCancelled = "payment_was_cancelled", 409, false,
            "The payment was cancelled before any money moved";
        PaymentMethodNotAccepted = "payment_method_not_accepted", 422, false,
            "The provider does not know or accept the payment method";
        ProviderRejectedRequest = "provider_rejected_request", 424, false,
            "The provider rejected our request as faulty; no money moved";
        NotSentToProvider = "not_sent_to_provider", 424, false,
            "Nothing was sent to the provider, and nothing will be";
        PaymentIsNotAuthorized = "payment_is_not_authorized", 409, false, "The payment is not authorized";
        PaymentIsNotCaptured = "payment_is_not_captured", 409, false, "The payment is not captured";
        PaymentWasRecorded = "payment_was_recorded", 409, false,
            "A person recorded the payment; its refund is recorded as well";
        PaymentWasNotRecorded = "payment_was_not_recorded", 409, false,
            "The payment was made at a provider, which refunds it";
        PaymentIsFinal = "payment_is_final", 409, false, "The payment has ended";
        PaymentHasOperationInProgress = "payment_has_operation_in_progress", 409, true,
            "Another operation on the payment is in progress";
        CaptureExceedsAuthorization = "capture_exceeds_authorization", 422, false,
            "The capture exceeds the authorized amount";
        RefundExceedsCapture = "refund_exceeds_capture", 422, false,
            "The refund exceeds what is captured and not yet refunded";
        TooManyRefunds = "too_many_refunds", 409, false, "The payment has had too many refunds";
        PaymentIsDisputed = "payment_is_disputed", 409, false,
            "The customer's bank is taking the payment back, so it is not refunded as well";
        DisputeIsClosed = "dispute_is_closed", 409, false, "The dispute is closed";
        EvidenceNotOffered = "evidence_not_offered", 409, false,
            "The provider takes evidence in its own dashboard only";
        EvidenceIsPastDue = "evidence_is_past_due", 409, false, "The bank takes no more evidence";
        EvidenceAlreadySubmitted = "evidence_already_submitted", 409, false,
            "The bank has evidence, and takes it once";
        EvidenceIsBeingSubmitted = "evidence_is_being_submitted", 409, true,
            "Other evidence is being submitted";
        CaptureFailed = "capture_failed", 422, false, "The provider refused the capture";
        CancelFailed = "cancel_failed", 422, false, "The provider refused to cancel the payment";
        RefundFailed = "refund_failed", 422, false, "The provider refused the refund";
        FundsAreReleased = "funds_are_released", 409, false,
            "The money of the booking was divided among its beneficiaries";
        PayoutsAreNotOffered = "payouts_are_not_offered", 422, false,
            "The provider transfers no money to beneficiaries";
        BeneficiaryIsInactive = "beneficiary_is_inactive", 409, false,
            "The beneficiary was deactivated, and gets no new share";
        PayoutIsBeingReversed = "payout_is_being_reversed", 409, true,
            "The outcome of another reversal of the payout is not known yet";
        ReversalExceedsPayout = "reversal_exceeds_payout", 422, false,
            "The reversal exceeds what is left of the payout";
        PayoutWasPaidByHand = "payout_was_paid_by_hand", 409, false,
            "A person paid it, so no provider can take it back";
        SettingsContradictEachOther = "settings_contradict_each_other", 422, false,
            "The settings contradict each other";
        LedgerAccountNotFound = "ledger_account_not_found", 404, false, "There is no such ledger account";
        LedgerDayIsNotOver = "ledger_day_is_not_over", 409, false, "The day is not over yet";
        TenantNotFound = "tenant_not_found", 404, false, "There is no such tenant";
        TenantIsArchived = "tenant_is_archived", 409, false, "The tenant is archived";
        TooManyApiKeys = "too_many_api_keys", 409, false, "The tenant has the maximum number of API keys";
        LastOpsKey = "last_ops_key", 409, false,
            "It is the last key of its mode with the scope `ops`; create another one first";
        StateDoesNotAllowIt = "state_does_not_allow_it", 409, false, "Its state does not allow that";
    }
    Internal {
        SlotLooksFull = "slot_looks_full", 409, true,
            "The slot is full unless lapsed holds on it are given up";
        PaymentIsBehind = "payment_is_behind", 409, true,
            "What became of the payment before is not known yet";
        LeaseLost = "lease_lost", 409, false, "Another worker took over";
        NothingToDo = "nothing_to_do", 409, false, "It is not waiting for this";
        DeliveryIsDead = "delivery_is_dead", 409, false, "A consumer gave the message up; a person decides";
    }
}

impl Code {
    /// The codes that a client can receive.
    pub fn documented() -> impl Iterator<Item = Code> {
        Code::ALL.iter().copied().filter(|code| code.origin() != CodeOrigin::Internal)
    }

    /// Seconds until a retry makes sense, for the `Retry-After` header.
    pub const fn retry_after_seconds(self) -> Option<u32> {
        match self.status() {
            409 if self.is_retryable() => Some(1),
            429 | 503 => Some(1),
            _ => None,
        }
    }
}

/// The generated page `docs/errors.md`.
pub fn errors_page() -> String {
    let mut page = String::from(
        "# Errors\n\n\
        Generated from `crates/api/src/code.rs`. Every refusal is an RFC 9457 problem document with one \
        of these codes. *Retry* says whether the same request, under the same idempotency key, may do \
        succeed later. The codes of the first list come before a decision, and are never stored under a key.\n",
    );
    for (origin, title) in
        [(CodeOrigin::Wire, "Refused before a decision"), (CodeOrigin::Refusal, "Refused by a decision")]
    {
        let mut draw = || -> std::fmt::Result {
            writeln!(
                page,
                "\n## {title}\n\n| code | status | retry | meaning | what to do |\n|---|---|---|---|---|"
            )?;
            for code in Code::ALL.iter().filter(|code| code.origin() == origin) {
                let retry = if code.is_retryable() { "yes" } else { "no" };
                let (name, status) = (code.name(), code.status());
                let (title, advice) = (code.title(), code.advice());
                writeln!(
                    page,
                    "| <a id=\"{name}\"></a>`{name}` | {status} | {retry} | {title} | {advice} |"
                )?;
            }
            Ok(())
        };
        draw().expect("a String takes whatever is written to it");
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_is_a_sentence_and_occurs_once() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert!(code.name().bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{code:?}");
        }
    }

    #[test]
    fn the_page_lists_every_code_of_the_api_once() {
        let page = errors_page();
        for code in Code::ALL {
            let expected = usize::from(code.origin() != CodeOrigin::Internal);
            assert_eq!(page.matches(&format!("id=\"{}\"", code.name())).count(), expected, "{code:?}");
        }
        assert_eq!(Code::documented().count() + 5, Code::ALL.len());
    }
}
