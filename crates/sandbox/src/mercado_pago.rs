//! Mercado Pago's API of payments, `/v1/payments`: which call does what.
//!
//! | call                                      | module      |
//! |-------------------------------------------|-------------|
//! | `POST /v1/payments`                       | `creation`  |
//! | `GET /v1/payments/{id}`                   | `view`      |
//! | `PUT /v1/payments/{id}`                   | `update`    |
//! | `GET /v1/payments/search`                 | `search`    |
//! | `POST`, `GET /v1/payments/{id}/refunds`   | `refunds`   |
//! | `GET /v1/payments/{id}/refunds/{refund}`  | `refunds`   |
//! | `POST`, `GET /v1/orders`                  | `order`, `order_search` |
//! | `GET /v1/orders/{id}`                     | `order`     |
//! | `POST /v1/orders/{id}/capture`, `cancel`, `refund` | `order` |
//! | `GET /v1/chargebacks/{id}`                | `chargeback` |
//! | `GET /v1/chargebacks/search`              | `chargeback` |
//! | `POST /checkout/preferences`              | `preference` |
//! | `GET`, `PUT /checkout/preferences/{id}`   | `preference` |
//!
//! A payment is one object with its refunds in it ([`StoredPayment`]), and each change writes a
//! new version of it. An order is another way to make one, and to show it. Amounts are decimals of JSON on the wire and minor units inside.
//!
//! Not included: orders in several stages or with several transactions, customers, cards, boletos and other tickets, fees,
//! other countries than Brazil, and documentation for a chargeback. A member that is not included is
//! refused as an unknown one, so a test cannot pass because a member was ignored. Refusals with a
//! 4xx are not stored under the key: the sources do not say that they are.

mod amount;
mod answer;
pub mod br_code;
mod chargeback;
mod creation;
mod dashboard;
pub mod date;
mod notification;
mod order;
mod order_request;
mod order_search;
mod payment;
mod payment_request;
mod plant;
mod preference;
mod refunds;
mod refusal;
mod search;
mod token;
mod update;
mod view;

use bytes::Bytes;
use order::OrderAction;
use sha2::{Digest, Sha256};

pub use answer::MercadoPagoAnswer;
pub use br_code::dynamic as pix_code;
pub use dashboard::{act, page};
pub use notification::{PaymentNotification, sign};
pub use order::payment_id;
pub use payment::StoredPayment;
pub use plant::plant;
pub use preference::{StoredPreference, act as act_on_page};
pub use refusal::{MercadoPagoRefusal, call_refusal};
pub use view::PaymentView;

use crate::{books::AccountBooks, call::ArrivedCall, call_draft::CallDraft, event::Kind, form::FormPairs};

/// The prefixes of every path.
const ROOT: &str = "/v1/payments";
const ORDERS: &str = "/v1/orders";
const CHARGEBACKS: &str = "/v1/chargebacks";
pub const PREFERENCES: &str = "/checkout/preferences";

enum Endpoint {
    Create,
    Search,
    Retrieve(String),
    Update(String),
    Refund(String),
    ListRefunds(String),
    RetrieveRefund(String, String),
    CreateOrder,
    SearchOrders,
    RetrieveOrder(String),
    ActOnOrder(String, OrderAction),
    RetrieveChargeback(String),
    SearchChargebacks,
    CreatePreference,
    RetrievePreference(String),
    UpdatePreference(String),
}

/// A call that an endpoint accepts.
pub struct CheckedCall {
    endpoint: Endpoint,
    pairs: FormPairs,
    body: Bytes,
}

/// What a reading call reads from.
pub struct ReadContext<'a> {
    pub held: &'a AccountBooks,
    /// The search knows only what changed before, in Unix milliseconds.
    pub indexed_until_ms: i64,
}

/// Equal only for the same bytes: a caller that repeats a call sends the same body.
pub fn fingerprint(arrival: &ArrivedCall) -> String {
    let mut hash = Sha256::new();
    for part in [arrival.method.as_bytes(), arrival.path.as_bytes(), &arrival.body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

impl CheckedCall {
    pub fn read(arrival: &ArrivedCall, pairs: FormPairs) -> Result<Self, MercadoPagoRefusal> {
        if let Some(rest) = arrival.path.strip_prefix(CHARGEBACKS) {
            let endpoint = match (arrival.method, rest) {
                ("GET", "/search") => Endpoint::SearchChargebacks,
                ("GET", id) => Endpoint::RetrieveChargeback(number(id.trim_start_matches('/'))?),
                _ => return Err(MercadoPagoRefusal::unknown_path()),
            };
            return Ok(Self { endpoint, pairs, body: arrival.body.clone() });
        }
        if let Some(rest) = arrival.path.strip_prefix(PREFERENCES) {
            let endpoint = match (arrival.method, rest.trim_start_matches('/')) {
                ("POST", "") => Endpoint::CreatePreference,
                ("GET", id) => Endpoint::RetrievePreference(id.to_owned()),
                ("PUT", id) => Endpoint::UpdatePreference(id.to_owned()),
                _ => return Err(MercadoPagoRefusal::unknown_path()),
            };
            return Ok(Self { endpoint, pairs, body: arrival.body.clone() });
        }
        if let Some(rest) = arrival.path.strip_prefix(ORDERS) {
            return Ok(Self { endpoint: order_endpoint(arrival, rest)?, pairs, body: arrival.body.clone() });
        }
        let rest = arrival.path.strip_prefix(ROOT).unwrap_or_default();
        // The official SDK lists refunds with a slash at the end.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let segments: Vec<&str> = rest.split('/').skip(1).collect();
        let endpoint = match (arrival.method, segments.as_slice()) {
            ("POST", []) => Endpoint::Create,
            ("GET", ["search"]) => Endpoint::Search,
            ("GET", [id]) => Endpoint::Retrieve(number(id)?),
            ("PUT", [id]) => Endpoint::Update(number(id)?),
            ("POST", [id, "refunds"]) => Endpoint::Refund(number(id)?),
            ("GET", [id, "refunds"]) => Endpoint::ListRefunds(number(id)?),
            ("GET", [id, "refunds", refund]) => Endpoint::RetrieveRefund(number(id)?, number(refund)?),
            _ => return Err(MercadoPagoRefusal::unknown_path()),
        };
        let needs_key = matches!(endpoint, Endpoint::Create | Endpoint::Refund(_));
        if needs_key && arrival.key.is_none() {
            return Err(MercadoPagoRefusal::caused(4292, "Header X-Idempotency-Key can't be null"));
        }
        Ok(Self { endpoint, pairs, body: arrival.body.clone() })
    }

    pub fn write(self, draft: &mut CallDraft) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
        match self.endpoint {
            Endpoint::Create => creation::create(draft, &self.body),
            Endpoint::Update(id) => update::update(draft, &id, &self.body),
            Endpoint::Refund(id) => refunds::create(draft, &id, &self.body),
            Endpoint::CreateOrder => order::create(draft, &self.body),
            Endpoint::ActOnOrder(id, action) => order::act(draft, &id, action, &self.body),
            Endpoint::CreatePreference => preference::create(draft, &self.body),
            Endpoint::UpdatePreference(id) => preference::update(draft, &id, &self.body),
            Endpoint::Search
            | Endpoint::SearchOrders
            | Endpoint::RetrieveOrder(_)
            | Endpoint::RetrievePreference(_)
            | Endpoint::Retrieve(_)
            | Endpoint::ListRefunds(_)
            | Endpoint::RetrieveRefund(..)
            | Endpoint::RetrieveChargeback(_)
            | Endpoint::SearchChargebacks => Err(MercadoPagoRefusal::unknown_path()),
        }
    }

    pub fn read_from(self, context: &ReadContext) -> Result<Vec<u8>, MercadoPagoRefusal> {
        let held = context.held;
        match self.endpoint {
            Endpoint::Search => search::search(context, &self.pairs),
            Endpoint::Retrieve(id) => Ok(view::json(&find(held, &id)?.view())),
            Endpoint::ListRefunds(id) => Ok(refunds::list(find(held, &id)?)),
            Endpoint::RetrieveRefund(id, refund) => refunds::retrieve(find(held, &id)?, &refund),
            Endpoint::SearchOrders => order_search::search(context, &self.pairs),
            Endpoint::RetrieveOrder(id) => order::retrieve(held, &id),
            Endpoint::RetrieveChargeback(id) => chargeback::retrieve(held, &id),
            Endpoint::SearchChargebacks => chargeback::search(context, &self.pairs),
            Endpoint::RetrievePreference(id) => Ok(preference::find(held, &id)?.render()),
            Endpoint::Create
            | Endpoint::CreateOrder
            | Endpoint::ActOnOrder(..)
            | Endpoint::Update(_)
            | Endpoint::Refund(_)
            | Endpoint::CreatePreference
            | Endpoint::UpdatePreference(_) => Err(MercadoPagoRefusal::unknown_path()),
        }
    }
}

/// Every writing call on an order needs a key.
fn order_endpoint(arrival: &ArrivedCall, rest: &str) -> Result<Endpoint, MercadoPagoRefusal> {
    let segments: Vec<&str> = rest.split('/').skip(1).collect();
    let endpoint = match (arrival.method, segments.as_slice()) {
        ("POST", []) => Endpoint::CreateOrder,
        ("GET", []) => Endpoint::SearchOrders,
        ("GET", [id]) => Endpoint::RetrieveOrder((*id).to_owned()),
        ("POST", [id, action]) => {
            let action = OrderAction::read(action).ok_or_else(MercadoPagoRefusal::unknown_path)?;
            Endpoint::ActOnOrder((*id).to_owned(), action)
        }
        _ => return Err(MercadoPagoRefusal::unknown_path()),
    };
    if arrival.method == "POST" && arrival.key.is_none() {
        let message = "The header X-Idempotency-Key is required";
        return Err(MercadoPagoRefusal::of_order(400, "empty_required_header", message));
    }
    Ok(endpoint)
}

/// Ids are integers.
fn number(id: &str) -> Result<String, MercadoPagoRefusal> {
    let is_number = !id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| id.to_owned()).ok_or_else(|| MercadoPagoRefusal::bad_request("Invalid payment id"))
}

fn find<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a StoredPayment, MercadoPagoRefusal> {
    held.payments.get(id).ok_or_else(MercadoPagoRefusal::payment_not_found)
}

/// Adds a new version of a payment and the event about it, and returns the version's position.
fn change(draft: &mut CallDraft, mut payment: StoredPayment) -> usize {
    payment.updated_ms = draft.at;
    let snapshot = draft.add_snapshot(payment);
    draft.add_event(Kind::PaymentUpdated, snapshot);
    snapshot
}

/// Applies the changes of a payment that are due.
pub fn settle(draft: &mut CallDraft, id: &str) {
    let Some(payment) = draft.held.payments.get(id) else { return };
    let mut payment = payment.clone();
    payment.settle(draft.at);
    change(draft, payment);
}
