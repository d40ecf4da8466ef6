//! What whoever meets a code can do about it: the detail of a problem that has nothing more to say of
//! its own case.

use super::Code;

impl Code {
    /// A sentence besides the title.
    pub const fn advice(self) -> &'static str {
        match self {
            Code::MalformedJson => "Send one JSON object in UTF-8, with each member once.",
            Code::ValidationFailed => "Mend what `errors` names, and send it again.",
            Code::CardNumberRefused => "Send the provider's token of the card instead.",
            Code::HostHeaderMalformed => "Send one Host header with the name of this server.",
            Code::IdempotencyKeyMissing => {
                "Make a key for this piece of work, and keep it until it is answered."
            }
            Code::IdempotencyKeyMalformed => "Send one header with one key; a UUID is one.",
            Code::WebhookSignatureMissing => "Only the provider's own deliveries are taken.",
            Code::WebhookSignatureInvalid => "Compare the account's webhook secret with the provider's.",
            Code::WebhookModeDoesNotMatch => {
                "Point the endpoint of test events at the test account, and that of live ones at the live account."
            }
            Code::WebhookSignatureTooOld => "Compare this server's clock with the time.",
            Code::Unauthenticated => "Send `Authorization: Bearer` with an API key that is in use.",
            Code::ScopeIsMissing => "Use a key that has the scope.",
            Code::NotFound => "Compare the address with the documentation.",
            Code::MethodNotAllowed => "The header Allow names the methods that it takes.",
            Code::RequestTimedOut => "Send it again under the same key, or look for what it made.",
            Code::RequestInProgress => "Wait a second, and send it again under the same key.",
            Code::IdempotencyKeyExpired => "Look at `resource` for what it made.",
            Code::BodyIsTooLarge => "Send less at once.",
            Code::AddressIsTooLong => "Ask with fewer or shorter parameters.",
            Code::UnsupportedMediaType => "Send `Content-Type: application/json`.",
            Code::ContentCodingNotAccepted => "Send the body as it is, without Content-Encoding.",
            Code::IdempotencyKeyReused => {
                "Make a new key for new work; send the same body for the same work."
            }
            Code::RateLimited | Code::Overloaded => "Wait as long as Retry-After says, and send it again.",
            Code::HeadersAreTooLarge => "Send fewer or shorter headers.",
            Code::InternalError => "The request's id leads to what happened in the log.",
            Code::StorageUnavailable => "Send it again in a moment.",
            Code::CommitOutcomeUnknown => "Send it again under the same key.",
            _ => self.advice_of_a_decision(),
        }
    }

    /// The advice for codes that a decision gives. A code that always has a detail of its own needs none.
    const fn advice_of_a_decision(self) -> &'static str {
        match self {
            Code::ProductNotFound
            | Code::UnitNotFound
            | Code::SlotNotFound
            | Code::BookingNotFound
            | Code::PaymentNotFound
            | Code::RefundNotFound
            | Code::ClientNotFound
            | Code::ReviewCaseNotFound
            | Code::ApiKeyNotFound
            | Code::DeadLetterNotFound => "No such id is known to this tenant.",
            Code::ProviderAccountNotFound => "Ask for a provider at which this tenant has an account.",
            Code::ChangedMeanwhile => "Look at it again, and decide anew.",
            Code::ProductIsNotOnSale => "It can be booked once it is on sale.",
            Code::UnitIsNotOfThisProduct => "Ask with the units of the slot's own product.",
            Code::UnitIsNotOnSale => "Ask with units of the product that are on sale.",
            Code::SlotIsClosed | Code::SlotHasStarted => "Ask for another slot.",
            Code::AmountIsTooLarge => "Ask for less.",
            Code::HoldHasExpired => "Hold seats anew.",
            Code::BookingHasOpenPayment => "Wait until the payment has ended, or cancel it.",
            Code::NothingIsDue => "There is nothing left to pay.",
            Code::PaymentAlreadyOpen => "Wait until it has ended, or cancel it; `resource` names it.",
            Code::CurrencyIsNotTheBookings => "Ask in the currency of the booking.",
            Code::PaymentWasCancelled => "Start a new payment under a new key.",
            Code::PaymentHasOperationInProgress => "Wait a second; `resource` names the operation.",
            Code::LastOpsKey => "Two keys are needed to exchange one.",
            _ => "Look at the resource for where it stands.",
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
