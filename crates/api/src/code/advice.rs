//! What a client can do about a code: the detail of a problem that has no other detail.

use super::Code;

impl Code {
    /// A sentence in addition to the title.
    pub const fn advice(self) -> &'static str {
        match self {
            Code::MalformedJson => "Send one JSON object in UTF-8, with each member once.",
            Code::ValidationFailed => "Correct what `errors` names, and send it again.",
            Code::CardNumberRefused => "Send the provider's token of the card instead.",
            Code::HostHeaderMalformed => "Send one Host header with the name of this server.",
            Code::IdempotencyKeyMissing => {
                "Create a key for this operation, and keep it until you have the reply."
            }
            Code::IdempotencyKeyMalformed => "Send one header with one key, for example a UUID.",
            Code::WebhookSignatureMissing => "Only deliveries of the provider are accepted.",
            Code::WebhookSignatureInvalid => "Compare the account's webhook secret with the provider's.",
            Code::WebhookModeDoesNotMatch => {
                "Send test events to the test account, and live events to the live account."
            }
            Code::WebhookSignatureTooOld => "Check this server's clock.",
            Code::Unauthenticated => "Send `Authorization: Bearer` with an active API key.",
            Code::ScopeIsMissing => "Use a key that has the scope.",
            Code::NotFound => "Compare the address with the documentation.",
            Code::MethodNotAllowed => "The header Allow names the accepted methods.",
            Code::RequestTimedOut => "Send it again under the same key, or search for its result.",
            Code::RequestInProgress => "Wait a second, and send it again under the same key.",
            Code::IdempotencyKeyExpired => "`resource` names its result.",
            Code::BodyIsTooLarge => "Send less at once.",
            Code::AddressIsTooLong => "Use fewer or shorter parameters.",
            Code::UnsupportedMediaType => "Send `Content-Type: application/json`.",
            Code::ContentCodingNotAccepted => "Send the body as it is, without Content-Encoding.",
            Code::IdempotencyKeyReused => {
                "Use a new key for a new operation; send the same body for the same one."
            }
            Code::RateLimited | Code::Overloaded => "Wait as long as Retry-After says, and send it again.",
            Code::HeadersAreTooLarge => "Send fewer or shorter headers.",
            Code::InternalError => "The server's log shows the cause under the request's id.",
            Code::StorageUnavailable => "Send it again in a moment.",
            Code::CommitOutcomeUnknown => "Send it again under the same key.",
            Code::TicketSignatureInvalid => "Compare the scan; `/.well-known/ticket-keys` has the keys.",
            Code::TicketsAreNotSigned => "Configure `tickets.signing_keys`, or check in by hand.",
            Code::SavedMethodNotFound => "List the customer's saved payment methods.",
            Code::ProviderUnavailable => {
                "Send it again in a moment; `GET /v1/ops/breakers` shows the circuits."
            }
            _ => self.advice_of_a_decision(),
        }
    }

    /// The advice for codes of decisions. A code that always has its own detail needs none.
    const fn advice_of_a_decision(self) -> &'static str {
        match self {
            Code::ProductNotFound
            | Code::UnitNotFound
            | Code::SlotNotFound
            | Code::ScheduleNotFound
            | Code::BlackoutNotFound
            | Code::ResourceNotFound
            | Code::BookingNotFound
            | Code::CheckInNotFound
            | Code::PaymentNotFound
            | Code::RefundNotFound
            | Code::DisputeNotFound
            | Code::ClientNotFound
            | Code::ReviewCaseNotFound
            | Code::ApiKeyNotFound
            | Code::ReconciliationNotFound
            | Code::DifferenceNotFound
            | Code::DeadLetterNotFound
            | Code::BeneficiaryNotFound
            | Code::PayoutNotFound => "This tenant has no such id.",
            Code::ProviderAccountNotFound => "Use a provider at which this tenant has an account.",
            Code::ReconciliationIsRunning => "Wait until it has finished; `resource` names it.",
            Code::ChangedMeanwhile => "Read it again, and decide again.",
            Code::ProductIsNotOnSale => "It can be booked once it is on sale.",
            Code::UnitIsNotOfThisProduct => "Use units of the slot's product.",
            Code::UnitIsNotOnSale => "Use units that are on sale.",
            Code::SlotIsClosed | Code::SlotHasStarted | Code::SlotIsFull | Code::ResourceIsTaken => {
                "Choose another slot; `resource` names this one."
            }
            Code::ResourceIsInUse => {
                "Move or cancel its bookings first; `resource` names a slot that has some."
            }
            Code::CurrenciesDiffer | Code::SplitRulesDiffer => "Make a booking for each of them.",
            Code::PriceHasChanged => "Show the customer `total`, and book again with it and a new key.",
            Code::AmountIsTooLarge => "Use a smaller amount.",
            Code::HoldHasExpired => "Hold seats again.",
            Code::HoldIsAtItsLimit => "The customer must pay until `latest_at`.",
            Code::BookingHasOpenPayment => "Wait until the payment has ended, or cancel it.",
            Code::TicketIsCancelled => "Look at the booking with the customer.",
            Code::NothingIsDue => "There is nothing left to pay.",
            Code::PaymentAlreadyOpen => "Wait until it has ended, or cancel it; `resource` names it.",
            Code::CustomerHasNoSavedMethod => "Let the customer pay once with `setup_future_usage`.",
            Code::CurrencyIsNotTheBookings => "Use the currency of the booking.",
            Code::PaymentWasCancelled => "Start a new payment under a new key.",
            Code::PaymentHasOperationInProgress => "Wait a second; `resource` names the operation.",
            Code::PaymentIsDisputed => "Wait until the bank has decided, or answer it with evidence.",
            Code::EvidenceNotOffered => "Answer the bank in the provider's dashboard.",
            Code::EvidenceAlreadySubmitted => "Wait for the bank's decision.",
            Code::EvidenceIsBeingSubmitted => "Wait until the dispute shows the outcome.",
            Code::FundsAreReleased => {
                "Get the shares back first; then refund it at the provider, whose event is recorded."
            }
            Code::PayoutsAreNotOffered => "Leave the provider out: then a person pays.",
            Code::BeneficiaryIsInactive => "Activate it again, or leave it out; `resource` names it.",
            Code::PayoutIsBeingReversed => {
                "Wait until the payout shows the outcome in `returned` or `failure`."
            }
            Code::PayoutWasPaidByHand => "Get it back from the beneficiary, and record it as returned.",
            Code::LedgerDayIsNotOver => "Close it after midnight in UTC.",
            Code::LastOpsKey => "Replacing a key needs two keys.",
            _ => "The resource shows its state.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_says_more_than_the_title() {
        for code in Code::ALL {
            assert!(code.advice().ends_with('.') && code.advice() != code.title(), "{code:?}");
        }
    }
}
