//! `GET /v1/orders`: orders by the time of their creation, by reference and status. The index lags as that of the
//! payments.
//!
//! Pages are asked for by `limit` and `offset` in the OpenAPI document, and by `page` and `page_size` in the SDKs:
//! both are included.

use serde_json::{Value, json};

use super::{ReadContext, date, order, payment::StoredPayment, refusal::MercadoPagoRefusal, view};
use crate::form::FormPairs;

const LIMIT_DEFAULT: usize = 30;
const LIMIT_MAX: usize = 100;

pub fn search(context: &ReadContext, pairs: &FormPairs) -> Result<Vec<u8>, MercadoPagoRefusal> {
    let refused = |code, message: String| MercadoPagoRefusal::of_order(400, code, message);
    let (mut begin_ms, mut end_ms) = (None, None);
    let (mut reference, mut status) = (None, None);
    let (mut limit, mut offset, mut page) = (LIMIT_DEFAULT, 0, 1);
    for (name, value) in pairs {
        let invalid = || refused("property_value", format!("{name} cannot be {value}"));
        let count = || value.parse::<usize>().map_err(|_| invalid());
        match name.as_str() {
            "begin_date" => begin_ms = Some(date::read(value).ok_or_else(invalid)?),
            "end_date" => end_ms = Some(date::read(value).ok_or_else(invalid)?),
            "external_reference" => reference = Some(value.as_str()),
            "status" => status = Some(value.as_str()),
            "type" if value == "online" => {}
            "limit" | "page_size" => limit = count()?.min(LIMIT_MAX),
            "offset" => offset = count()?,
            "page" => page = count()?.max(1),
            _ => return Err(refused("unsupported_properties", format!("{name} is not known"))),
        }
    }
    let (Some(begin_ms), Some(end_ms)) = (begin_ms, end_ms) else {
        return Err(refused("required_properties", "begin_date and end_date are required".to_owned()));
    };
    let fits = |payment: &&StoredPayment| {
        payment.order.is_some()
            && payment.updated_ms <= context.indexed_until_ms
            && (begin_ms..=end_ms).contains(&payment.created_ms)
            && reference.is_none_or(|reference| payment.external_reference.as_deref() == Some(reference))
            && status.is_none_or(|status| order::status(payment).0 == status)
    };
    let found: Vec<&StoredPayment> = context.held.payments.values().filter(fits).collect();
    let offset = offset + (page - 1) * limit;
    let data: Vec<Value> =
        found.iter().skip(offset).take(limit).filter_map(|payment| order::view(payment)).collect();
    let paging = json!({"total": found.len(), "limit": limit, "offset": offset});
    Ok(view::json(&json!({"data": data, "paging": paging})))
}
