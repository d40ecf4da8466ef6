//! The members of `POST /v1/payments`, and which values they can have.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{
    amount::JsonAmount,
    date,
    refusal::MercadoPagoRefusal,
    token::{self, CardToken},
};
use crate::account::is_deliverable;

pub const PIX: &str = "pix";
const CREDIT_CARDS: [&str; 5] = ["visa", "master", "amex", "elo", "hipercard"];
const DEBIT_CARDS: [&str; 3] = ["debvisa", "debmaster", "debelo"];
const INSTALLMENTS_MAX: u32 = 12;
const DESCRIPTOR_CHARACTERS_MAX: usize = 22;
const REFERENCE_CHARACTERS_MAX: usize = 256;
const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How long a Pix can be paid: by default, at least and at most.
const PIX_DEFAULT_MS: i64 = DAY_MS;
const PIX_MIN_MS: i64 = 30 * MINUTE_MS;
const PIX_MAX_MS: i64 = 30 * DAY_MS;
/// The time that a call may take from its caller to here.
const TRANSPORT_MS: i64 = MINUTE_MS;

#[derive(Deserialize)]
pub struct PaymentRequest {
    pub transaction_amount: Option<Box<RawValue>>,
    pub token: Option<String>,
    pub description: Option<String>,
    pub installments: Option<u32>,
    pub payment_method_id: Option<String>,
    pub issuer_id: Option<String>,
    pub payer: Option<PayerDetails>,
    pub capture: Option<bool>,
    pub binary_mode: Option<bool>,
    pub external_reference: Option<String>,
    pub notification_url: Option<String>,
    pub statement_descriptor: Option<String>,
    pub date_of_expiration: Option<String>,
    pub metadata: Option<Map<String, Value>>,
    pub additional_info: Option<Box<RawValue>>,
}

const MEMBERS: [&str; 15] = [
    "transaction_amount",
    "token",
    "description",
    "installments",
    "payment_method_id",
    "issuer_id",
    "payer",
    "capture",
    "binary_mode",
    "external_reference",
    "notification_url",
    "statement_descriptor",
    "date_of_expiration",
    "metadata",
    "additional_info",
];

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayerDetails {
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identification: Option<Identification>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identification {
    pub r#type: String,
    pub number: String,
}

/// How a request pays.
pub enum Method {
    Card(&'static CardToken),
    Pix { expires_ms: i64 },
}

/// Reads an object that has only these members.
pub fn read_object<'de, T: Deserialize<'de>>(
    body: &'de [u8],
    members: &[&str],
) -> Result<T, MercadoPagoRefusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    let given: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).map_err(|error| MercadoPagoRefusal::malformed(&error))?;
    if let Some(name) = given.keys().find(|name| !members.contains(&name.as_str())) {
        return Err(MercadoPagoRefusal::unknown_name(name));
    }
    serde_json::from_slice(body).map_err(|error| MercadoPagoRefusal::malformed(&error))
}

/// `credit_card`, `debit_card` or `bank_transfer`.
pub fn method_type(method: &str) -> &'static str {
    match method {
        PIX => "bank_transfer",
        debit if DEBIT_CARDS.contains(&debit) => "debit_card",
        _ => "credit_card",
    }
}

impl PaymentRequest {
    pub fn read(body: &[u8]) -> Result<Self, MercadoPagoRefusal> {
        let request: Self = read_object(body, &MEMBERS)?;
        request.check()?;
        Ok(request)
    }

    pub fn check(&self) -> Result<(), MercadoPagoRefusal> {
        let request = self;
        let email =
            request.payer.as_ref().ok_or_else(|| MercadoPagoRefusal::missing("payer"))?.email.as_ref();
        let email = email.ok_or_else(|| MercadoPagoRefusal::missing("payer.email"))?;
        if !email.contains('@') {
            return Err(MercadoPagoRefusal::bad_request("payer.email must be a valid email"));
        }
        let long = |text: &Option<String>, most: usize| {
            text.as_ref().is_some_and(|text| text.chars().count() > most)
        };
        if long(&request.statement_descriptor, DESCRIPTOR_CHARACTERS_MAX) {
            return Err(MercadoPagoRefusal::bad_request("statement_descriptor is too long"));
        }
        if long(&request.external_reference, REFERENCE_CHARACTERS_MAX) {
            return Err(MercadoPagoRefusal::bad_request("external_reference is too long"));
        }
        if request.notification_url.as_ref().is_some_and(|url| !is_deliverable(url)) {
            return Err(MercadoPagoRefusal::bad_request("notification_url attribute must be url valid"));
        }
        Ok(())
    }

    pub fn amount_minor(&self) -> Result<i64, MercadoPagoRefusal> {
        let amount = self.transaction_amount.as_ref();
        let amount = amount.ok_or_else(|| MercadoPagoRefusal::missing("transaction_amount"))?;
        JsonAmount::read("transaction_amount", amount).map(|amount| amount.0)
    }

    pub fn method(&self, at_ms: i64) -> Result<Method, MercadoPagoRefusal> {
        let method = self.payment_method_id.as_deref();
        match method.ok_or_else(|| MercadoPagoRefusal::missing("payment_method_id"))? {
            PIX => self.pix(at_ms),
            card if CREDIT_CARDS.contains(&card) || DEBIT_CARDS.contains(&card) => self.card(card),
            _ => Err(MercadoPagoRefusal::unprocessable("payment_method_id is not available")),
        }
    }

    fn card(&self, method: &str) -> Result<Method, MercadoPagoRefusal> {
        let name = self.token.as_deref().ok_or_else(|| MercadoPagoRefusal::missing("token"))?;
        let installments = self.installments.ok_or_else(|| MercadoPagoRefusal::missing("installments"))?;
        if !(1..=INSTALLMENTS_MAX).contains(&installments) {
            return Err(MercadoPagoRefusal::unprocessable("Invalid installments"));
        }
        if self.date_of_expiration.is_some() {
            return Err(MercadoPagoRefusal::bad_request("date_of_expiration is not for cards"));
        }
        if self.capture == Some(false) && DEBIT_CARDS.contains(&method) {
            return Err(MercadoPagoRefusal::bad_request("Deferred capture not supported"));
        }
        token::find(name).map(Method::Card).ok_or_else(MercadoPagoRefusal::unknown_token)
    }

    fn pix(&self, at_ms: i64) -> Result<Method, MercadoPagoRefusal> {
        if self.capture == Some(false) {
            return Err(MercadoPagoRefusal::bad_request("Deferred capture not supported"));
        }
        if self.token.is_some() || self.installments.is_some_and(|count| count != 1) {
            return Err(MercadoPagoRefusal::bad_request("A Pix has no token and no installments"));
        }
        let Some(text) = &self.date_of_expiration else {
            return Ok(Method::Pix { expires_ms: at_ms + PIX_DEFAULT_MS });
        };
        let expires_ms =
            date::read(text).ok_or_else(|| MercadoPagoRefusal::invalid_date("date_of_expiration"))?;
        if !(PIX_MIN_MS - TRANSPORT_MS..=PIX_MAX_MS).contains(&(expires_ms - at_ms)) {
            let message = "date_of_expiration must be from 30 minutes to 30 days ahead";
            return Err(MercadoPagoRefusal::unprocessable(message));
        }
        Ok(Method::Pix { expires_ms })
    }
}
