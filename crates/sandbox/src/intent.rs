//! A PaymentIntent as the books store it, and as Stripe shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    card::{CardRef, Decline},
    ids,
    parameters::StripeMetadata,
    payment_method::PaymentMethod,
    refusal::doc_url,
    shipping::Shipping,
};

/// <https://docs.stripe.com/payments/paymentintents/lifecycle>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Canceled,
}

impl IntentStatus {
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

/// How many days a boleto can be paid.
pub const BOLETO_DAYS: i64 = 3;

/// Where the payer must go before the bank decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NextAction {
    /// A page of this sandbox.
    pub page: String,
    /// Absent if the caller's own front end shows the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The code to pay instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pix: Option<PixCode>,
    /// The voucher to pay instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<Voucher>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Voucher {
    pub number: String,
    /// Unix seconds.
    pub expires_at: i64,
}

impl NextAction {
    /// The payer authenticates at the bank, and pays nothing elsewhere.
    pub fn is_authentication(&self) -> bool {
        self.pix.is_none() && self.voucher.is_none()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PixCode {
    pub data: String,
    /// Unix seconds.
    pub expires_at: i64,
}

/// Why the last attempt failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaymentError {
    pub decline: Decline,
    pub method: PaymentMethod,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
}

/// The payment method of an intent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChosenMethod {
    pub id: String,
    pub card: CardRef,
}

/// Whether the account's settings decide which payment methods are available.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Automatic {
    pub allow_redirects: String,
    pub enabled: bool,
}

/// The pending result of an intent that is `processing`, and its time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Settlement {
    pub at_ms: i64,
    /// It is declined although its card would pay.
    #[serde(default)]
    pub declined: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub capture_method: String,
    pub status: IntentStatus,
    #[serde(default)]
    pub amount_capturable: i64,
    #[serde(default)]
    pub amount_received: i64,
    pub payment_method_types: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_payment_method_types: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_payment_methods: Option<Automatic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded_payment_method_types: Option<Vec<String>>,
    /// `payment_method_options[card]`, as far as it was given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub card_options: BTreeMap<String, String>,
    /// `payment_method_options[pix]`, as far as it was given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pix_options: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
    /// The idempotency key of the call that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<ChosenMethod>,
    /// Oldest first, including failed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<PaymentError>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
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
    pub shipping: Option<Box<Shipping>>,
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
            || self.card_options.get("capture_method").is_some_and(|by| by == "manual")
    }

    pub fn latest_charge(&self) -> Option<&str> {
        self.charges.last().map(String::as_str)
    }

    pub fn view(&self) -> IntentView<'_> {
        let processing = self.status == IntentStatus::Processing;
        IntentView {
            id: &self.id,
            object: "payment_intent",
            allowed_payment_method_types: self.allowed_payment_method_types.as_deref(),
            amount: self.amount,
            amount_capturable: self.amount_capturable,
            amount_details: Tips { tip: Nothing {} },
            amount_received: self.amount_received,
            application: (),
            application_fee_amount: (),
            automatic_payment_methods: self.automatic_payment_methods.as_ref(),
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
            excluded_payment_method_types: self.excluded_payment_method_types.as_deref(),
            last_payment_error: self.failure.as_deref().map(PaymentError::view),
            latest_charge: self.latest_charge(),
            livemode: false,
            managed_payments: (),
            metadata: &self.metadata,
            next_action: self.next_action.as_ref().map(NextAction::view),
            on_behalf_of: (),
            payment_method: self.payment_method.as_ref().map(|method| &*method.id),
            payment_method_configuration_details: (),
            payment_method_options: self.options_view(),
            payment_method_types: &self.payment_method_types,
            payment_record: (),
            processing: processing.then(|| json!({"card": {}, "type": "card"})),
            receipt_email: self.receipt_email.as_deref(),
            review: (),
            setup_future_usage: self.setup_future_usage.as_deref(),
            shipping: self.shipping.as_deref(),
            source: (),
            statement_descriptor: self.statement_descriptor.as_deref(),
            statement_descriptor_suffix: self.statement_descriptor_suffix.as_deref(),
            status: self.status,
            transfer_data: (),
            transfer_group: self.transfer_group.as_deref(),
        }
    }

    /// The given options over what Stripe shows for all cards.
    fn options_view(&self) -> Value {
        let mut card = json!({
            "installments": null, "mandate_options": null, "network": null, "request_three_d_secure": "automatic",
        });
        for (name, value) in &self.card_options {
            card[name] = json!(value);
        }
        let mut options = json!({"card": card});
        if self.payment_method_types.iter().any(|kind| kind == "pix") {
            let given = |name| self.pix_options.get(name);
            options["pix"] = json!({
                "expires_after_seconds": given("expires_after_seconds"), "expires_at": given("expires_at"),
            });
        }
        if self.payment_method_types.iter().any(|kind| kind == "boleto") {
            options["boleto"] = json!({"expires_after_days": BOLETO_DAYS});
        }
        options
    }
}

impl NextAction {
    fn view(&self) -> Value {
        if let Some(PixCode { data, expires_at }) = &self.pix {
            let code = json!({"data": data, "expires_at": expires_at, "hosted_instructions_url": self.page});
            return json!({"type": "pix_display_qr_code", "pix_display_qr_code": code});
        }
        if let Some(Voucher { number, expires_at }) = &self.voucher {
            let voucher = json!({
                "expires_at": expires_at, "hosted_voucher_url": self.page, "number": number, "pdf": null,
            });
            return json!({"type": "boleto_display_details", "boleto_display_details": voucher});
        }
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

impl PaymentError {
    fn view(&self) -> Value {
        let decline = self.decline;
        let mut shown = json!({
            "code": decline.code(), "doc_url": doc_url(decline.code()), "message": decline.message(),
            "payment_method": self.method.view(), "payment_method_type": self.method.card.0.kind(),
            "type": decline.kind(),
        });
        if let Some(charge) = &self.charge {
            shown["charge"] = json!(charge);
        }
        if let Some(code) = decline.decline_code() {
            shown["decline_code"] = json!(code);
        }
        shown
    }
}

#[derive(Serialize)]
struct Tips {
    tip: Nothing,
}

#[derive(Serialize)]
struct Nothing {}

/// The fields and their order follow the SDK's `PaymentIntent`; `()` is `null`.
#[derive(Serialize)]
pub struct IntentView<'a> {
    id: &'a str,
    object: &'static str,
    allowed_payment_method_types: Option<&'a [String]>,
    amount: i64,
    amount_capturable: i64,
    amount_details: Tips,
    amount_received: i64,
    application: (),
    application_fee_amount: (),
    automatic_payment_methods: Option<&'a Automatic>,
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
    excluded_payment_method_types: Option<&'a [String]>,
    last_payment_error: Option<Value>,
    latest_charge: Option<&'a str>,
    livemode: bool,
    managed_payments: (),
    metadata: &'a StripeMetadata,
    next_action: Option<Value>,
    on_behalf_of: (),
    payment_method: Option<&'a str>,
    payment_method_configuration_details: (),
    payment_method_options: Value,
    payment_method_types: &'a [String],
    payment_record: (),
    processing: Option<Value>,
    receipt_email: Option<&'a str>,
    review: (),
    setup_future_usage: Option<&'a str>,
    shipping: Option<&'a Shipping>,
    source: (),
    statement_descriptor: Option<&'a str>,
    statement_descriptor_suffix: Option<&'a str>,
    status: IntentStatus,
    transfer_data: (),
    transfer_group: Option<&'a str>,
}
