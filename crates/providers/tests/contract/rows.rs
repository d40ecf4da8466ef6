//! The rows: what differs from provider to provider in the bytes of its wire.

mod mercado_pago;
mod mercado_pago_orders;
mod pix;
mod stripe;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{
    AttemptId, BookingId, Currency, Money, PaymentId, TenantId,
    rows::{Capture, Mode, Payer, PaymentMethod, TaxId, TaxIdKind},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::{
    Adapter, Guard, PaymentOrder, Provider, ProviderSettings, Secret, WebhookHead, WireSettings,
};
use serde_json::Value;
use testkit::scripted_server::{ServerStep, answer};
use uuid::Uuid;

use crate::calls::{Call, OutcomeKind};

pub static ROWS: [&ContractRow; 4] = [&stripe::ROW, &mercado_pago::ROW, &mercado_pago_orders::ROW, &pix::ROW];

/// One provider's bytes.
pub struct ContractRow {
    pub adapter: &'static Adapter,
    /// One of [`Adapter::apis`], where there are several.
    pub api: Option<&'static str>,
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
    /// Changes what is signed, and not the signature; where nothing is signed, the secret.
    pub tampers: fn(&mut Delivery),
    pub signature: Signature,
    pub particulars: Particulars,
}

/// Where a delivery has what proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// In this header, with the time of signing.
    Header(&'static str),
    /// The query is the secret itself. Nothing is signed, and there is no time.
    Query,
}

/// What a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysOf {
    /// Each attempt and number has a key of its own.
    Attempt,
    /// The object's id, which is made from ours, is the key. It stays in each attempt.
    Object,
}

/// What only some wires have.
pub struct Particulars {
    /// Completes the settings.
    pub settings: fn(ProviderSettings) -> ProviderSettings,
    /// Requests to another server before the first call, of its access token. The circuit counts them.
    pub token_requests: u32,
    /// The bodies of what a call reads before the request that its replies are for.
    pub before: fn(Call) -> Vec<Value>,
    /// The status and body of the look-up that follows a refusal, before the refusal is believed.
    pub look_up: fn(Call) -> Option<(u16, Value)>,
    /// Calls that 404 in the provider's form answers completely: there is no such object.
    pub absent: &'static [Call],
    /// Statuses after which a request is made once more, with another access token.
    pub repeats: &'static [u16],
    pub keys_of: KeysOf,
    /// An id of ours as the wire has it.
    pub own_id: fn(Uuid) -> String,
    /// The names of members with the id of an object.
    pub ids: &'static [&'static str],
}

impl Particulars {
    pub const COMMON: Particulars = Particulars {
        settings: |settings| settings,
        token_requests: 0,
        before: |_| Vec::new(),
        look_up: |_| None,
        absent: &[],
        repeats: &[],
        keys_of: KeysOf::Attempt,
        own_id: |id| id.hyphenated().to_string(),
        ids: &["id"],
    };
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

    pub fn signature(&self, place: Signature) -> String {
        match place {
            Signature::Header(name) => self.headers[name].to_str().unwrap().to_owned(),
            Signature::Query => self.query.clone(),
        }
    }

    pub fn signed_with(self, place: Signature, value: impl AsRef<[u8]>) -> Delivery {
        match place {
            Signature::Header(name) => self.with(name, value),
            Signature::Query => {
                Delivery { query: String::from_utf8_lossy(value.as_ref()).into_owned(), ..self }
            }
        }
    }

    pub fn unsigned(self, place: Signature) -> Delivery {
        match place {
            Signature::Header(_) => Delivery { headers: HeaderMap::new(), ..self },
            Signature::Query => Delivery { query: String::new(), ..self },
        }
    }
}

/// A payment with a booking. The ids of the attempt and the payment are this number.
fn order_of(number: u128, amount: Money, method: PaymentMethod, payer: Option<Payer>) -> PaymentOrder {
    PaymentOrder {
        attempt: AttemptId(Uuid::from_u128(number)),
        key_number: 0,
        operation: PaymentId(Uuid::from_u128(number)),
        booking: Some(BookingId(Uuid::from_u128(2))),
        tenant: TenantId(Uuid::from_u128(3)),
        amount,
        capture: Capture::Automatic,
        method,
        payer,
        return_url: None,
        metadata: BTreeMap::new(),
        reference: None,
        customer: None,
        saves_method: false,
        off_session: false,
        api: None,
        made_at: domain::Timestamp(1_767_225_600_000_000),
    }
}

/// A payment in Brazil, by a customer who is named.
fn order_in_brazil(number: u128, method: PaymentMethod) -> PaymentOrder {
    let payer = Payer {
        email: "maria@a.example".to_owned(),
        name: Some("Maria da Silva".to_owned()),
        tax_id: Some(TaxId { kind: TaxIdKind::Cpf, number: "12345678909".to_owned() }),
    };
    order_of(number, Money::new(10_050, Currency::BRL), method, Some(payer))
}

impl ContractRow {
    pub fn settings(&self, base_url: &str) -> ProviderSettings {
        let secrets = vec![Secret::new(self.webhook_secret)];
        let wire = WireSettings::new(base_url);
        let settings = self.adapter.settings(Secret::new(self.secret_key), secrets, Mode::Test);
        let api = self.api.map(str::to_owned);
        (self.particulars.settings)(ProviderSettings { wire, api, ..settings })
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
        let offered = |call: &Call| call.is_offered(self, capabilities);
        Call::ALL.into_iter().filter(offered).collect()
    }

    /// A script whose first step is for the request that the call's replies are for.
    pub fn script(&self, call: Call, steps: impl IntoIterator<Item = ServerStep>) -> Vec<ServerStep> {
        let shown = |body: Value| ServerStep::Answer(answer(200, "", &body.to_string()));
        (self.particulars.before)(call).into_iter().map(shown).chain(steps).collect()
    }

    /// How many requests come before that one.
    pub fn requests_before(&self, call: Call) -> usize {
        (self.particulars.before)(call).len()
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
