//! The members of `POST /v1/orders` and of a refund, and which values they can have.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    amount::JsonAmount,
    order::property,
    payment_request::{PayerDetails, PaymentRequest, method_type, read_object},
    refusal::MercadoPagoRefusal,
};

const MEMBERS: [&str; 8] = [
    "type",
    "processing_mode",
    "capture_mode",
    "total_amount",
    "external_reference",
    "description",
    "payer",
    "transactions",
];

#[derive(Deserialize)]
pub struct OrderRequest {
    r#type: Option<String>,
    processing_mode: Option<String>,
    capture_mode: Option<String>,
    total_amount: Option<String>,
    external_reference: Option<String>,
    description: Option<String>,
    payer: Option<PayerDetails>,
    transactions: Option<TransactionsRequest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionsRequest {
    payments: Vec<TransactionRequest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionRequest {
    amount: String,
    payment_method: MethodRequest,
    expiration_time: Option<String>,
    date_of_expiration: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodRequest {
    id: String,
    r#type: String,
    token: Option<String>,
    installments: Option<u32>,
    statement_descriptor: Option<String>,
}

fn missing(name: &'static str) -> MercadoPagoRefusal {
    MercadoPagoRefusal::of_order(400, "required_properties", format!("{name} is required"))
}

fn wrong(message: &'static str) -> MercadoPagoRefusal {
    MercadoPagoRefusal::of_order(400, "property_value", message)
}

/// Amounts are texts here, and numbers of a payment.
fn number(text: &str) -> Result<Box<RawValue>, MercadoPagoRefusal> {
    RawValue::from_string(text.to_owned()).map_err(|_| wrong("an amount is not a number"))
}

impl OrderRequest {
    pub fn read(body: &[u8]) -> Result<Self, MercadoPagoRefusal> {
        read_object(body, &MEMBERS).map_err(|refusal| {
            MercadoPagoRefusal::of_order(400, "unsupported_properties", refusal.message().to_owned())
        })
    }

    /// The payment that the order makes. One transaction is included, in one stage.
    pub fn into_payment(self) -> Result<PaymentRequest, MercadoPagoRefusal> {
        if self.r#type.as_deref() != Some("online") {
            return Err(wrong("type must be online"));
        }
        if self.processing_mode.as_deref().is_some_and(|mode| mode != "automatic") {
            return Err(wrong("processing_mode must be automatic"));
        }
        let capture_mode = self.capture_mode.as_deref().unwrap_or("automatic");
        if !matches!(capture_mode, "automatic" | "automatic_async" | "manual") {
            return Err(wrong("capture_mode is not known"));
        }
        let payments = self.transactions.ok_or_else(|| missing("transactions"))?.payments;
        let [payment] = <[TransactionRequest; 1]>::try_from(payments)
            .map_err(|_| MercadoPagoRefusal::of_order(400, "minimum_items", "payments must have one item"))?;
        let total = self.total_amount.ok_or_else(|| missing("total_amount"))?;
        if total != payment.amount {
            let message = "total_amount must equal the sum of the transactions";
            return Err(MercadoPagoRefusal::of_order(400, "invalid_total_amount", message));
        }
        let method = payment.payment_method;
        if method_type(&method.id) != method.r#type {
            return Err(wrong("the type of payment_method does not fit its id"));
        }
        if payment.expiration_time.is_some() {
            return Err(wrong("expiration_time is not included: use date_of_expiration"));
        }
        let request = PaymentRequest {
            transaction_amount: Some(number(&total)?),
            token: method.token,
            description: self.description,
            installments: method.installments,
            payment_method_id: Some(method.id),
            issuer_id: None,
            payer: self.payer,
            capture: (capture_mode == "manual").then_some(false),
            // It is decided at once.
            binary_mode: Some(capture_mode == "automatic"),
            external_reference: self.external_reference,
            notification_url: None,
            statement_descriptor: method.statement_descriptor,
            date_of_expiration: payment.date_of_expiration,
            metadata: None,
            additional_info: None,
        };
        request.check().map_err(|refusal| property(&refusal))?;
        Ok(request)
    }
}

#[derive(Default, Deserialize)]
pub struct RefundRequest {
    transactions: Option<Vec<RefundedTransaction>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundedTransaction {
    id: String,
    amount: Option<String>,
}

impl RefundRequest {
    pub fn read(body: &[u8]) -> Result<Self, MercadoPagoRefusal> {
        read_object(body, &["transactions"]).map_err(|refusal| property(&refusal))
    }

    /// The amount of the order's only transaction; all that is left if none is named.
    pub fn amount_minor(&self, transaction: &str) -> Result<Option<i64>, MercadoPagoRefusal> {
        let Some(transactions) = &self.transactions else { return Ok(None) };
        let [only] = transactions.as_slice() else {
            return Err(MercadoPagoRefusal::of_order(
                400,
                "minimum_items",
                "transactions must have one item",
            ));
        };
        if only.id != transaction {
            return Err(MercadoPagoRefusal::of_order(404, "transaction_not_found", "Transaction not found"));
        }
        let Some(amount) = &only.amount else { return Ok(None) };
        let read = JsonAmount::read("amount", &number(amount)?).map_err(|refusal| property(&refusal))?;
        Ok(Some(read.0))
    }
}
