//! The rows: what differs from provider to provider in the bytes of its wire.

mod mercado_pago;
mod stripe;

use std::{sync::Arc, time::Duration};

use domain::rows::Mode;
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::{
    Adapter, Guard, PaymentOrder, Provider, ProviderSettings, Secret, WebhookHead, WireSettings,
};
use serde_json::Value;

use crate::calls::{Call, OutcomeKind};

pub static ROWS: [&ContractRow; 2] = [&stripe::ROW, &mercado_pago::ROW];

/// One provider's bytes.
pub struct ContractRow {
    pub adapter: &'static Adapter,
    pub secret_key: &'static str,
    pub webhook_secret: &'static str,
    /// A payment that the adapter accepts. The ids of the attempt and the payment are this number.
    pub order: fn(u128) -> PaymentOrder,
    /// The ids of the payment's object and of its refund in the replies.
    pub object: &'static str,
    pub refund: &'static str,
    /// The bodies of a successful call, one per request that it makes. They are about the order and the
    /// refund with the number 1.
    pub replies: fn(Call) -> Vec<Value>,
    /// Whether an event may name its object only ([`Provider::fetch_events`]).
    pub fetches_events: bool,
    /// The body of an error with this status, in the provider's own form, about our request.
    pub error: fn(u16) -> Value,
    /// Statuses of such errors whose outcome is not that of the common table.
    pub differs: &'static [(u16, OutcomeKind)],
    /// The idempotency key of a request that was sent.
    pub key: fn(&str) -> Option<String>,
    /// The names of members with a status, and of those with an amount.
    pub statuses: &'static [&'static str],
    pub amounts: &'static [&'static str],
    /// What a log must not contain, beside the key and the secret: parts of the order and of the replies.
    pub hidden: &'static [&'static str],
    /// A true delivery.
    pub delivery: fn(&SignedBy) -> Delivery,
    /// Changes what is signed, and not the signature.
    pub tampers: fn(&mut Delivery),
    pub signature_header: &'static str,
}

/// Who signs a delivery, and when.
pub struct SignedBy<'a> {
    pub secret: &'a str,
    /// Unix seconds.
    pub at: i64,
    /// Each event has a number of its own.
    pub event: u32,
}

#[derive(Clone, Debug)]
pub struct Delivery {
    pub headers: HeaderMap,
    pub query: String,
    pub body: Vec<u8>,
}

impl Delivery {
    pub fn head(&self) -> WebhookHead<'_> {
        WebhookHead { headers: &self.headers, query: &self.query }
    }

    pub fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Delivery {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }
}

impl ContractRow {
    pub fn settings(&self, base_url: &str) -> ProviderSettings {
        let secrets = vec![Secret::new(self.webhook_secret)];
        let wire = WireSettings::new(base_url);
        ProviderSettings { wire, ..self.adapter.settings(Secret::new(self.secret_key), secrets, Mode::Test) }
    }

    /// The shortest time limits at which a connection on loopback is still made on a busy machine.
    pub fn impatient_settings(&self, base_url: &str) -> ProviderSettings {
        let mut settings = self.settings(base_url);
        settings.wire.connect_timeout = Duration::from_secs(1);
        settings.wire.call_timeout = Duration::from_millis(1_100);
        settings
    }

    pub fn open(&self, settings: &ProviderSettings, guard: &Guard) -> Arc<dyn Provider> {
        (self.adapter.open)(settings, guard).unwrap()
    }

    /// What this adapter offers.
    pub fn calls(&self) -> Vec<Call> {
        let capabilities = self.open(&self.settings("http://127.0.0.1:9"), &Guard::default()).capabilities();
        let offered = |call: &Call| call.is_offered(capabilities, self.fetches_events);
        Call::ALL.into_iter().filter(offered).collect()
    }

    /// The replies as they would be with another value of some members, at any depth. The value is JSON.
    pub fn replies_with(&self, call: Call, names: &[&str], value: &str) -> Vec<String> {
        const PLACE: &str = "the place of the value";
        let mut replies = (self.replies)(call);
        for reply in &mut replies {
            replace(reply, names, &Value::String(PLACE.to_owned()));
        }
        // No number is read, so none changes.
        replies.iter().map(|reply| reply.to_string().replace(&format!("\"{PLACE}\""), value)).collect()
    }
}

fn replace(within: &mut Value, names: &[&str], new: &Value) {
    match within {
        Value::Object(members) => {
            for (name, member) in members {
                if names.contains(&name.as_str()) {
                    *member = new.clone();
                } else {
                    replace(member, names, new);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, names, new)),
        _ => {}
    }
}

/// The value of a header of a request.
pub fn header(request: &str, name: &str) -> Option<String> {
    let (head, _) = request.split_once("\r\n\r\n")?;
    head.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}
