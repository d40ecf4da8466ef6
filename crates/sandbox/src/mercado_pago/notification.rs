//! Webhooks of Mercado Pago: `POST {url}?data.id=ID&type=payment`, with a signature over the id of
//! the query, the request's id and a time. The body is **not** signed. A chargeback has the topic
//! `topic_chargebacks_wh`, and its own id. An order has the topic `order`.
//!
//! Differs from the provider: a failed delivery is repeated after seconds, not after 15 minutes.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, header};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{creation::collector_id, date, payment::StoredPayment};
use crate::{
    account::WebhookEndpoint,
    event::{Kind, StoredEvent},
    faults::{Faults, IdCase, TimeUnit},
    ids,
    random::mix,
};

/// One attempt to deliver one event.
pub struct PaymentNotification<'a> {
    pub account: &'a str,
    pub endpoint: &'a WebhookEndpoint,
    pub salt: &'a str,
    pub event: StoredEvent,
    pub payment: &'a StoredPayment,
    /// Attempts before this one.
    pub attempts: u32,
    pub at_ms: i64,
}

impl PaymentNotification<'_> {
    pub fn request(&self, faults: &Faults) -> Option<Request<Bytes>> {
        let (topic, id) = self.subject();
        // The address of a payment is more specific than that of its account.
        let url = self.payment.notification_url.as_deref().unwrap_or(&self.endpoint.url);
        let joint = if url.contains('?') { '&' } else { '?' };
        let request_id = self.request_id();
        let secret = self.endpoint.secrets.first()?;
        Request::post(format!("{url}{joint}data.id={id}&type={topic}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "MercadoPago WebHook v1.0 payment")
            .header("x-request-id", &request_id)
            .header("x-signature", sign(secret, id, &request_id, self.at_ms, faults))
            .body(Bytes::from(self.body(topic, id).to_string()))
            .ok()
    }

    /// The topic, and the id of the object that changed.
    fn subject(&self) -> (&'static str, &str) {
        let is_chargeback = matches!(self.event.kind, Kind::ChargebackCreated | Kind::ChargebackUpdated);
        match &self.payment.charge_back {
            Some(found) if is_chargeback => ("topic_chargebacks_wh", &found.id),
            _ if self.payment.order.is_some() => ("order", self.payment.object()),
            _ => ("payment", &self.payment.id),
        }
    }

    fn body(&self, topic: &str, id: &str) -> Value {
        let number = ids::integer(self.salt, self.event.number);
        let date = date::show(self.event.created * 1000);
        let user = collector_id(self.account);
        if topic == "payment" {
            return json!({
                "id": number, "live_mode": true, "type": topic, "date_created": date, "user_id": user,
                "api_version": "v1", "action": self.event.kind.name(), "data": {"id": id},
            });
        }
        if topic == "order" {
            return json!({
                "id": number, "live_mode": true, "type": topic, "date_created": date, "user_id": user.to_string(),
                "api_version": "v1", "action": "order.updated", "data": {"id": id},
            });
        }
        json!({
            "id": number, "live_mode": true, "type": topic, "date": date, "user_id": user,
            "api_version": "v1", "actions": ["changed_case_status"],
            "data": {"id": id, "payment_id": self.payment.id, "site_id": "MLB"},
        })
    }

    /// Each attempt has an id of its own.
    fn request_id(&self) -> String {
        let seed = mix(ids::digest(self.salt) ^ self.event.number);
        let (high, low) = (mix(seed ^ u64::from(self.attempts)), mix(!seed ^ u64::from(self.attempts)));
        let hex = format!("{high:016x}{low:016x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }
}

/// The `x-signature` header.
pub fn sign(secret: &str, data_id: &str, request_id: &str, at_ms: i64, faults: &Faults) -> String {
    let ts = match faults.webhook_time_unit {
        TimeUnit::Milliseconds => at_ms,
        TimeUnit::Seconds => at_ms / 1000,
    };
    let data_id = match faults.webhook_id_case {
        IdCase::Verbatim => data_id.to_owned(),
        IdCase::Lower => data_id.to_lowercase(),
    };
    let signed = format!("id:{data_id};request-id:{request_id};ts:{ts};");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(signed.as_bytes());
    format!("ts={ts},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_mercado_pago() {
        let request_id = "2066ca19-c6f1-498a-be75-1923005edd06";
        let known = "28fe7557d9faae33f1283eb1423243ce48fc606c8afc17c8ad8ff70133d6a6f6";
        let check = |data_id: &str, faults: Faults, ts: &str, same: bool| {
            let found = sign("your_secret_key_here", data_id, request_id, 1_742_505_638_683, &faults);
            let (time, signature) = found.split_once(",v1=").unwrap();
            assert_eq!((time, signature == known), (ts, same), "{data_id}");
        };
        let seconds = Faults { webhook_time_unit: TimeUnit::Seconds, ..Faults::default() };
        check("999999999", Faults::default(), "ts=1742505638683", true);
        check("999999998", Faults::default(), "ts=1742505638683", false);
        check("999999999", seconds, "ts=1742505638", false);
        let lower = Faults { webhook_id_case: IdCase::Lower, ..Faults::default() };
        let signed = |id: &str, faults: &Faults| sign("s", id, request_id, 1, faults);
        assert_eq!(signed("ORD01J", &lower), signed("ord01j", &Faults::default()));
        assert_ne!(signed("ORD01J", &lower), signed("ORD01J", &Faults::default()));
    }
}
