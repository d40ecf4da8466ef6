//! A payment and a refund as Mercado Pago shows them.
//!
//! `captured` says only that the call did not ask to authorise: it is true for a Pix that nobody
//! has paid, and for a rejected card. Only the status says whether money moved.

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    amount::{Digits, JsonAmount},
    date,
    payment::{MercadoPagoRefundStatus, MercadoPagoStatus, StoredPayment, StoredRefund},
    payment_request::{PayerDetails, method_type},
};

pub fn json(view: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(view).expect("these types have only text keys")
}

/// A member without a value is absent.
#[derive(Serialize)]
pub struct PaymentView<'a> {
    id: Digits<'a>,
    date_created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_approved: Option<String>,
    date_last_updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_expiration: Option<String>,
    operation_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_id: Option<&'a str>,
    payment_method_id: &'a str,
    payment_type_id: &'static str,
    status: MercadoPagoStatus,
    status_detail: &'a str,
    currency_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    live_mode: bool,
    collector_id: u64,
    payer: &'a PayerDetails,
    metadata: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_info: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_reference: Option<&'a str>,
    transaction_amount: JsonAmount,
    transaction_amount_refunded: JsonAmount,
    coupon_amount: JsonAmount,
    transaction_details: TransactionDetails<'a>,
    fee_details: Vec<FeeDetail>,
    captured: bool,
    binary_mode: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_descriptor: Option<&'a str>,
    installments: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_url: Option<&'a str>,
    processing_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderOfPayment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    point_of_interaction: Option<PointOfInteraction<'a>>,
    refunds: Vec<RefundView<'a>>,
}

#[derive(Serialize)]
struct OrderOfPayment<'a> {
    id: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct FeeDetail {
    r#type: &'static str,
    amount: JsonAmount,
    fee_payer: &'static str,
}

#[derive(Serialize)]
struct TransactionDetails<'a> {
    net_received_amount: JsonAmount,
    total_paid_amount: JsonAmount,
    overpaid_amount: JsonAmount,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_resource_url: Option<&'a str>,
}

#[derive(Serialize)]
struct PointOfInteraction<'a> {
    r#type: &'static str,
    transaction_data: TransactionData<'a>,
}

/// There is no `qr_code_base64`, the picture of the code.
#[derive(Serialize)]
struct TransactionData<'a> {
    qr_code: &'a str,
    ticket_url: &'a str,
}

#[derive(Serialize)]
pub struct RefundView<'a> {
    id: Digits<'a>,
    payment_id: Digits<'a>,
    amount: JsonAmount,
    metadata: Map<String, Value>,
    source: Source,
    date_created: String,
    refund_mode: &'static str,
    adjustment_amount: JsonAmount,
    status: MercadoPagoRefundStatus,
}

#[derive(Serialize)]
struct Source {
    id: String,
    name: &'static str,
    r#type: &'static str,
}

impl StoredPayment {
    pub fn view(&self) -> PaymentView<'_> {
        let point_of_interaction = self.pix.as_ref().map(|pix| PointOfInteraction {
            r#type: "PIX",
            transaction_data: TransactionData { qr_code: &pix.qr_code, ticket_url: &pix.ticket_url },
        });
        let paid = JsonAmount(self.captured_minor);
        let fee_minor = self.fee_minor();
        let fees = (fee_minor > 0)
            .then_some(FeeDetail {
                r#type: "mercadopago_fee",
                amount: JsonAmount(fee_minor),
                fee_payer: "collector",
            })
            .into_iter();
        PaymentView {
            id: Digits(&self.id),
            date_created: date::show(self.created_ms),
            date_approved: self.approved_ms.map(date::show),
            date_last_updated: date::show(self.updated_ms),
            date_of_expiration: self.expires_ms.map(date::show),
            operation_type: "regular_payment",
            issuer_id: self.issuer_id.as_deref(),
            payment_method_id: &self.method,
            payment_type_id: method_type(&self.method),
            status: self.status,
            status_detail: &self.detail,
            currency_id: "BRL",
            description: self.description.as_deref(),
            live_mode: true,
            collector_id: self.collector_id,
            payer: &self.payer,
            metadata: &self.metadata,
            additional_info: self.additional_info.as_deref(),
            external_reference: self.external_reference.as_deref(),
            transaction_amount: JsonAmount(self.shown_minor()),
            transaction_amount_refunded: JsonAmount(self.returned_minor()),
            coupon_amount: JsonAmount(0),
            transaction_details: TransactionDetails {
                net_received_amount: JsonAmount(self.captured_minor - fee_minor),
                total_paid_amount: paid,
                overpaid_amount: JsonAmount(0),
                external_resource_url: None,
            },
            fee_details: fees.collect(),
            captured: self.captures || self.captured_minor > 0,
            binary_mode: self.binary_mode,
            statement_descriptor: self.statement_descriptor.as_deref(),
            installments: self.installments,
            notification_url: self.notification_url.as_deref(),
            processing_mode: "aggregator",
            order: self.order.as_ref().map(|order| OrderOfPayment { id: &order.id, r#type: "mercadopago" }),
            point_of_interaction,
            refunds: self.refunds.iter().map(|refund| self.refund_view(refund)).collect(),
        }
    }

    pub fn refund_view<'a>(&'a self, refund: &'a StoredRefund) -> RefundView<'a> {
        RefundView {
            id: Digits(&refund.id),
            payment_id: Digits(&self.id),
            amount: JsonAmount(refund.amount_minor),
            metadata: Map::new(),
            source: Source { id: self.collector_id.to_string(), name: "Sandbox", r#type: "collector" },
            date_created: date::show(refund.created_ms),
            refund_mode: "standard",
            adjustment_amount: JsonAmount(0),
            status: refund.status,
        }
    }
}
