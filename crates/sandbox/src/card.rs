//! Stripe's test cards and what each of them does. See <https://docs.stripe.com/testing>.
//!
//! A card has two names, `pm_card_…` and `tok_…`. The use of either creates a payment method of the
//! account, with an id of its own.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, PartialEq)]
pub struct Card {
    /// The name as a payment method.
    pub id: &'static str,
    pub brand: &'static str,
    pub last4: &'static str,
    pub behaviour: Behaviour,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    Pays,
    Declines(Decline),
    /// Requires 3-D Secure, then pays.
    Authenticates,
    /// Requires 3-D Secure from a present payer, and from an absent one unless it was set up for that.
    AuthenticatesUnlessSetUp,
    /// Requires 3-D Secure from a present payer; it is set up for charges without the payer already.
    AuthenticatesOnSession,
    /// Requires 3-D Secure, then is declined by the bank.
    AuthenticatesThenDeclines(Decline),
    /// Pays; a refund seems to succeed and fails a little later.
    RefundFails,
    /// Pays; a refund is pending and succeeds a little later.
    RefundPends,
    /// Pays; the cardholder disputes the charge as soon as the money is captured.
    Disputes(DisputeKind),
}

/// The reason that the cardholder gives the bank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DisputeKind {
    Fraudulent,
    ProductNotReceived,
    /// The bank only inquires and takes nothing yet.
    Inquiry,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decline {
    Generic,
    InsufficientFunds,
    LostCard,
    StolenCard,
    Fraudulent,
    ExpiredCard,
    IncorrectCvc,
    ProcessingError,
    AuthenticationFailed,
    AuthenticationRequired,
    AuthenticationNotHandled,
    /// The payer did not pay a code in time.
    AttemptExpired,
}

impl Decline {
    pub fn code(self) -> &'static str {
        match self {
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::ProcessingError => "processing_error",
            Self::AuthenticationFailed => "payment_intent_authentication_failure",
            Self::AuthenticationRequired | Self::AuthenticationNotHandled => "authentication_required",
            Self::AttemptExpired => "payment_intent_payment_attempt_expired",
            _ => "card_declined",
        }
    }

    /// Stripe's type of the error.
    pub fn kind(self) -> &'static str {
        if self == Self::AttemptExpired { "invalid_request_error" } else { "card_error" }
    }

    pub fn decline_code(self) -> Option<&'static str> {
        match self {
            Self::Generic => Some("generic_decline"),
            Self::InsufficientFunds => Some("insufficient_funds"),
            Self::LostCard => Some("lost_card"),
            Self::StolenCard => Some("stolen_card"),
            Self::Fraudulent => Some("fraudulent"),
            Self::IncorrectCvc => Some("incorrect_cvc"),
            Self::ExpiredCard => Some("expired_card"),
            Self::ProcessingError => Some("processing_error"),
            Self::AuthenticationRequired => Some("authentication_required"),
            Self::AuthenticationNotHandled => Some("authentication_not_handled"),
            Self::AuthenticationFailed | Self::AttemptExpired => None,
        }
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::Generic | Self::LostCard | Self::StolenCard | Self::Fraudulent => "Your card was declined.",
            Self::InsufficientFunds => "Your card has insufficient funds.",
            Self::ExpiredCard => "Your card has expired.",
            Self::IncorrectCvc => "Your card's security code is incorrect.",
            Self::ProcessingError => {
                "An error occurred while processing your card. Try again in a little bit."
            }
            Self::AttemptExpired => "The latest payment attempt for this PaymentIntent has expired.",
            Self::AuthenticationNotHandled => {
                "This payment required an authentication action to complete, but `error_on_requires_action` was set. When you're ready, you can upgrade your integration to handle actions at https://stripe.com/docs/payments/payment-intents/upgrade-to-handle-actions."
            }
            Self::AuthenticationRequired => {
                "Your card was declined. This transaction requires authentication."
            }
            Self::AuthenticationFailed => {
                "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again."
            }
        }
    }
}

/// A payment method without a card: the payer pays a code in the application of a bank.
pub static PIX: Card = card("pix", "pix", "", Pays);
/// Another: the payer takes a voucher to a bank.
pub static BOLETO: Card = card("boleto", "boleto", "", Pays);

/// What the payer enters into the form for a boleto.
pub const PAYERS_TAX_ID: &str = "12345678909";

impl Card {
    pub fn is_pix(&self) -> bool {
        self.id == PIX.id
    }

    pub fn is_boleto(&self) -> bool {
        self.id == BOLETO.id
    }

    /// Whether the payer pays in another place, within a time.
    pub fn is_paid_elsewhere(&self) -> bool {
        self.is_pix() || self.is_boleto()
    }

    /// Stripe's name for the type of payment method.
    pub fn kind(&self) -> &'static str {
        if self.is_paid_elsewhere() { self.id } else { "card" }
    }
}

const fn card(id: &'static str, brand: &'static str, last4: &'static str, behaviour: Behaviour) -> Card {
    Card { id, brand, last4, behaviour }
}

use Behaviour::*;
static CARDS: [Card; 40] = [
    card("pm_card_visa", "visa", "4242", Pays),
    card("pm_card_visa_debit", "visa", "5556", Pays),
    card("pm_card_mastercard", "mastercard", "4444", Pays),
    card("pm_card_mastercard_debit", "mastercard", "3222", Pays),
    card("pm_card_mastercard_prepaid", "mastercard", "5100", Pays),
    card("pm_card_amex", "amex", "8431", Pays),
    card("pm_card_discover", "discover", "1117", Pays),
    card("pm_card_diners", "diners", "3237", Pays),
    card("pm_card_jcb", "jcb", "0505", Pays),
    card("pm_card_unionpay", "unionpay", "0005", Pays),
    card("pm_card_us", "visa", "4242", Pays),
    card("pm_card_br", "visa", "0002", Pays),
    card("pm_card_gb", "visa", "0005", Pays),
    card("pm_card_bypassPending", "visa", "0077", Pays),
    card("pm_card_riskLevelElevated", "visa", "9235", Pays),
    card("pm_card_chargeDeclined", "visa", "0002", Declines(Decline::Generic)),
    card("pm_card_visa_chargeDeclined", "visa", "0002", Declines(Decline::Generic)),
    card("pm_card_chargeDeclinedInsufficientFunds", "visa", "9995", Declines(Decline::InsufficientFunds)),
    card(
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "visa",
        "9995",
        Declines(Decline::InsufficientFunds),
    ),
    card("pm_card_visa_chargeDeclinedLostCard", "visa", "9987", Declines(Decline::LostCard)),
    card("pm_card_visa_chargeDeclinedStolenCard", "visa", "9979", Declines(Decline::StolenCard)),
    card("pm_card_chargeDeclinedFraudulent", "visa", "0019", Declines(Decline::Fraudulent)),
    card("pm_card_radarBlock", "visa", "0019", Declines(Decline::Fraudulent)),
    card("pm_card_chargeDeclinedExpiredCard", "visa", "0069", Declines(Decline::ExpiredCard)),
    card("pm_card_chargeDeclinedIncorrectCvc", "visa", "0127", Declines(Decline::IncorrectCvc)),
    card("pm_card_chargeDeclinedProcessingError", "visa", "0119", Declines(Decline::ProcessingError)),
    card("pm_card_chargeCustomerFail", "visa", "0341", Declines(Decline::Generic)),
    card("pm_card_authenticationRequired", "visa", "3184", Authenticates),
    card("pm_card_authenticationRequiredOnSetup", "visa", "3155", AuthenticatesUnlessSetUp),
    card("pm_card_authenticationRequiredSetupForOffSession", "visa", "0446", AuthenticatesOnSession),
    card("pm_card_threeDSecureRequired", "visa", "3063", Authenticates),
    card("pm_card_threeDSecure2Required", "visa", "3220", Authenticates),
    card(
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "visa",
        "9995",
        AuthenticatesThenDeclines(Decline::InsufficientFunds),
    ),
    card(
        "pm_card_threeDSecureRequiredChargeDeclined",
        "visa",
        "3097",
        AuthenticatesThenDeclines(Decline::Generic),
    ),
    card("pm_card_refundFail", "visa", "5126", RefundFails),
    card("pm_card_pendingRefund", "visa", "7726", RefundPends),
    card("pm_card_refundPending", "visa", "7726", RefundPends),
    card("pm_card_createDispute", "visa", "0259", Disputes(DisputeKind::Fraudulent)),
    card(
        "pm_card_createDisputeProductNotReceived",
        "visa",
        "2685",
        Disputes(DisputeKind::ProductNotReceived),
    ),
    card("pm_card_createDisputeInquiry", "visa", "1976", Disputes(DisputeKind::Inquiry)),
];

pub fn find(id: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.id == id)
}

/// `tok_visa`; some tokens also name the brand, such as `tok_visa_createDispute`.
pub fn find_token(token: &str) -> Option<&'static Card> {
    let name = token.strip_prefix("tok_")?;
    let without_brand = name.strip_prefix("visa_").unwrap_or(name);
    find(&format!("pm_card_{name}")).or_else(|| find(&format!("pm_card_{without_brand}")))
}

/// A reference into the table, stored in the journal by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CardRef(pub &'static Card);

impl Serialize for CardRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.id)
    }
}

impl<'de> Deserialize<'de> for CardRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let elsewhere = [&PIX, &BOLETO].into_iter().find(|method| method.id == id);
        find(&id).or(elsewhere).map(CardRef).ok_or_else(|| serde::de::Error::custom("unknown test card"))
    }
}

/// Stripe's `payment_method_details` of a card.
pub mod view {
    use serde::Serialize;

    use super::{Card, PAYERS_TAX_ID};

    #[derive(Serialize)]
    #[serde(untagged)]
    pub enum Details {
        Card { card: Box<CardDetails>, r#type: &'static str },
        Pix { pix: PixDetails, r#type: &'static str },
        Boleto { boleto: BoletoDetails, r#type: &'static str },
    }

    #[derive(Serialize)]
    pub struct BoletoDetails {
        tax_id: &'static str,
    }

    #[derive(Serialize)]
    pub struct PixDetails {
        bank_transaction_id: (),
    }

    /// The fields and their order follow the SDK's; `()` is `null`.
    #[derive(Serialize)]
    pub struct CardDetails {
        amount_authorized: i64,
        authorization_code: (),
        brand: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        capture_before: Option<i64>,
        checks: Checks,
        country: &'static str,
        electronic_commerce_indicator: (),
        exp_month: u8,
        exp_year: u16,
        fingerprint: &'static str,
        funding: &'static str,
        installments: (),
        last4: &'static str,
        mandate: (),
        network: &'static str,
        network_transaction_id: (),
        regulated_status: &'static str,
        three_d_secure: (),
        transaction_link_id: (),
        wallet: (),
    }

    #[derive(Serialize)]
    struct Checks {
        address_line1_check: (),
        address_postal_code_check: (),
        cvc_check: &'static str,
    }

    /// The card details that a charge shows; `capture_before` only while it waits to be captured.
    pub fn details(card: &'static Card, amount: i64, capture_before: Option<i64>) -> Details {
        if card.is_pix() {
            return Details::Pix { pix: PixDetails { bank_transaction_id: () }, r#type: "pix" };
        }
        if card.is_boleto() {
            return Details::Boleto { boleto: BoletoDetails { tax_id: PAYERS_TAX_ID }, r#type: "boleto" };
        }
        let checks = Checks { address_line1_check: (), address_postal_code_check: (), cvc_check: "pass" };
        let card = CardDetails {
            amount_authorized: amount,
            authorization_code: (),
            brand: card.brand,
            capture_before,
            checks,
            country: "US",
            electronic_commerce_indicator: (),
            exp_month: 12,
            exp_year: 2034,
            fingerprint: card.id,
            funding: "credit",
            installments: (),
            last4: card.last4,
            mandate: (),
            network: card.brand,
            network_transaction_id: (),
            regulated_status: "unregulated",
            three_d_secure: (),
            transaction_link_id: (),
            wallet: (),
        };
        Details::Card { card: Box::new(card), r#type: "card" }
    }
}
