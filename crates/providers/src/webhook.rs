//! The events that a provider sends: whether they are authentic, and what they are about.

use domain::{
    PaymentId, PayoutId, RefundId,
    provider::{DisputeObservation, Observation, RefundObservation, TransferObservation},
};
use http::HeaderMap;

/// What of a webhook's request is known before its body is read.
#[derive(Clone, Copy, Debug)]
pub struct WebhookHead<'a> {
    pub headers: &'a HeaderMap,
    /// Without the question mark; empty if there is none. Some providers sign a part of it.
    pub query: &'a str,
}

/// An event that provably comes from the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEvent {
    /// What identifies the event: the same in each delivery of it. It consists of what is proven
    /// alone, so that a forged part cannot suppress another event.
    pub event: String,
    /// The provider's name for the kind of event, such as `payment_intent.succeeded`.
    pub kind: String,
    /// What is stored and interpreted.
    pub body: Vec<u8>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventContent {
    Payment {
        /// Our id, if the object carries one. `None`: somebody else made it on the same account.
        payment: Option<PaymentId>,
        observation: Observation,
    },
    Refund {
        /// `None`: it was made in the provider's own dashboard.
        refund: Option<RefundId>,
        payment: Option<PaymentId>,
        /// The provider's id of the payment's object, if the event names it.
        payment_object: Option<String>,
        observation: RefundObservation,
    },
    Dispute {
        /// The provider's id of the payment's object.
        payment_object: String,
        observation: DisputeObservation,
    },
    /// A transfer to a beneficiary.
    Transfer { payout: PayoutId, observation: TransferObservation },
    /// The provider only names the object that changed: [`crate::Provider::fetch_events`] says what it
    /// is now.
    Fetch { object: String },
    /// Nothing that moves a payment or a refund.
    Nothing { why: String },
}

/// Why a delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    #[error("the delivery carries no signature")]
    SignatureMissing,
    #[error("the signature header cannot be read")]
    SignatureMalformed,
    #[error("no signature in the header matches the body under a secret of this account")]
    SignatureDoesNotMatch,
    #[error("the delivery was signed too long ago")]
    SignatureIsTooOld,
    #[error("the delivery was signed in the future")]
    SignatureIsFromTheFuture,
    #[error("the signed body is not an event")]
    BodyIsNotAnEvent,
    #[error("the event is of test mode on a live account, or of live mode on a test account")]
    ModeDoesNotMatch,
}

impl WebhookRefused {
    pub const ALL: [WebhookRefused; 7] = [
        WebhookRefused::SignatureMissing,
        WebhookRefused::SignatureMalformed,
        WebhookRefused::SignatureDoesNotMatch,
        WebhookRefused::SignatureIsTooOld,
        WebhookRefused::SignatureIsFromTheFuture,
        WebhookRefused::BodyIsNotAnEvent,
        WebhookRefused::ModeDoesNotMatch,
    ];

    pub fn code(self) -> &'static str {
        match self {
            WebhookRefused::SignatureMissing => "signature_missing",
            WebhookRefused::SignatureMalformed => "signature_malformed",
            WebhookRefused::SignatureDoesNotMatch => "signature_does_not_match",
            WebhookRefused::SignatureIsTooOld => "signature_is_too_old",
            WebhookRefused::SignatureIsFromTheFuture => "signature_is_from_the_future",
            WebhookRefused::BodyIsNotAnEvent => "body_is_not_an_event",
            WebhookRefused::ModeDoesNotMatch => "mode_does_not_match",
        }
    }
}

/// An event whose body does not have the shape that its kind requires. No part of it may be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read: {0}")]
pub struct MalformedEvent(pub String);
