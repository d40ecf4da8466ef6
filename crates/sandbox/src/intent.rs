//! A PaymentIntent as the books keep it, and as Stripe shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    card::{CardRef, Decline, view::payment_method},
    charge::{Charge, ChargeView},
    ids,
    parameters::Metadata,
};

/// <https://docs.stripe.com/payments/paymentintents/lifecycle>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Canceled,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

/// Where the payer has to go before the bank decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NextAction {
    /// A page of this sandbox.
    pub page: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

/// Why the last attempt failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    pub decline: Decline,
    pub card: CardRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub capture_method: String,
    pub status: Status,
    #[serde(default)]
    pub amount_capturable: i64,
    #[serde(default)]
    pub amount_received: i64,
    pub payment_method_types: Vec<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The idempotency key of the call that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardRef>,
    /// Oldest first; the failed ones too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_group: Option<String>,
}

impl Intent {
    pub fn captured_by_hand(&self) -> bool {
        self.capture_method == "manual"
    }

    pub fn latest_charge(&self) -> Option<&str> {
        self.charges.last().map(String::as_str)
    }

    /// `latest` is the charge to show whole in the place of its id.
    pub fn view<'a>(&'a self, latest: Option<&'a Charge>) -> IntentView<'a> {
        IntentView {
            id: &self.id,
            object: "payment_intent",
            allowed_payment_method_types: (),
            amount: self.amount,
            amount_capturable: self.amount_capturable,
            amount_details: Tips { tip: Nothing {} },
            amount_received: self.amount_received,
            application: (),
            application_fee_amount: (),
            automatic_payment_methods: (),
            canceled_at: self.canceled_at,
            cancellation_reason: self.cancellation_reason.as_deref(),
            capture_method: &self.capture_method,
            client_secret: ids::client_secret(&self.id),
            confirmation_method: "automatic",
            created: self.created,
            currency: &self.currency,
            customer: self.customer.as_deref(),
            customer_account: (),
            description: self.description.as_deref(),
            excluded_payment_method_types: (),
            last_payment_error: self.failure.as_ref().map(|failure| error_view(failure, self.created)),
            latest_charge: latest.map_or(self.latest_charge().map(Latest::Id), |charge| {
                Some(Latest::Whole(Box::new(charge.view())))
            }),
            livemode: false,
            managed_payments: (),
            metadata: &self.metadata,
            next_action: self.next_action.as_ref().map(NextAction::view),
            on_behalf_of: (),
            payment_method: self.card.map(|card| card.0.id),
            payment_method_configuration_details: (),
            payment_method_options: Nothing {},
            payment_method_types: &self.payment_method_types,
            payment_record: (),
            processing: (),
            receipt_email: self.receipt_email.as_deref(),
            review: (),
            setup_future_usage: self.setup_future_usage.as_deref(),
            shipping: (),
            source: (),
            statement_descriptor: self.statement_descriptor.as_deref(),
            statement_descriptor_suffix: self.statement_descriptor_suffix.as_deref(),
            status: self.status,
            transfer_data: (),
            transfer_group: self.transfer_group.as_deref(),
        }
    }
}

impl NextAction {
    fn view(&self) -> Value {
        match &self.return_url {
            Some(return_url) => json!({
                "type": "redirect_to_url",
                "redirect_to_url": {"url": self.page, "return_url": return_url},
            }),
            None => json!({
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": self.page},
            }),
        }
    }
}

fn error_view(failure: &Failure, created: i64) -> Value {
    let decline = failure.decline;
    json!({
        "type": "card_error", "code": decline.code(), "decline_code": decline.decline_code(),
        "message": decline.message(), "charge": failure.charge,
        "doc_url": format!("https://stripe.com/docs/error-codes/{}", decline.code()),
        "payment_method": payment_method(failure.card.0, created),
    })
}

#[derive(Serialize)]
struct Tips {
    tip: Nothing,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(untagged)]
enum Latest<'a> {
    Id(&'a str),
    Whole(Box<ChargeView<'a>>),
}

/// The fields and their order follow the SDK's `PaymentIntent`; `()` is `null`.
#[derive(Serialize)]
pub struct IntentView<'a> {
    id: &'a str,
    object: &'static str,
    allowed_payment_method_types: (),
    amount: i64,
    amount_capturable: i64,
    amount_details: Tips,
    amount_received: i64,
    application: (),
    application_fee_amount: (),
    automatic_payment_methods: (),
    canceled_at: Option<i64>,
    cancellation_reason: Option<&'a str>,
    capture_method: &'a str,
    client_secret: String,
    confirmation_method: &'static str,
    created: i64,
    currency: &'a str,
    customer: Option<&'a str>,
    customer_account: (),
    description: Option<&'a str>,
    excluded_payment_method_types: (),
    last_payment_error: Option<Value>,
    latest_charge: Option<Latest<'a>>,
    livemode: bool,
    managed_payments: (),
    metadata: &'a Metadata,
    next_action: Option<Value>,
    on_behalf_of: (),
    payment_method: Option<&'a str>,
    payment_method_configuration_details: (),
    payment_method_options: Nothing,
    payment_method_types: &'a [String],
    payment_record: (),
    processing: (),
    receipt_email: Option<&'a str>,
    review: (),
    setup_future_usage: Option<&'a str>,
    shipping: (),
    source: (),
    statement_descriptor: Option<&'a str>,
    statement_descriptor_suffix: Option<&'a str>,
    status: Status,
    transfer_data: (),
    transfer_group: Option<&'a str>,
}
