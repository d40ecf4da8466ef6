//! `/checkout/preferences`: pages of Mercado Pago on which a payer pays an order (Checkout Pro).
//!
//! A preference has no idempotency: the same call again makes another page. Each payment of a page is a payment
//! of its own that carries the page's `external_reference`. A payer may pay a page twice, and may be declined and
//! try again.
//!
//! | route below `/sandbox/mercado_pago/preferences/{id}` | does                                          |
//! |------------------------------------------------------|-----------------------------------------------|
//! | `GET`                                                | the page, with buttons                        |
//! | `POST …/pay`                                         | `{"token"}`, or an approved card: pays it     |
//! | `POST …/pix`                                         | begins a Pix, which waits for its payer       |
//! | `POST …/decline`                                     | a card that is declined                       |

use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    amount::JsonAmount, answer::MercadoPagoAnswer, creation, date, payment_request::read_object,
    refusal::MercadoPagoRefusal,
};
use crate::{account::is_deliverable, books::AccountBooks, call_draft::CallDraft};

const MEMBERS: [&str; 13] = [
    "items",
    "payer",
    "payment_methods",
    "back_urls",
    "auto_return",
    "notification_url",
    "statement_descriptor",
    "additional_info",
    "external_reference",
    "expires",
    "expiration_date_from",
    "expiration_date_to",
    "binary_mode",
];
const REFERENCE_CHARACTERS_MAX: usize = 256;
/// The payer of a page whose order names none.
const ANYBODY: &str = "payer@example.com";

#[derive(Deserialize)]
struct PreferenceRequest {
    items: Option<Vec<ItemRequest>>,
    payer: Option<Value>,
    payment_methods: Option<Value>,
    back_urls: Option<Value>,
    auto_return: Option<String>,
    notification_url: Option<String>,
    external_reference: Option<String>,
    expires: Option<bool>,
    expiration_date_to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemRequest {
    id: Option<String>,
    title: String,
    description: Option<String>,
    quantity: u32,
    currency_id: Option<String>,
    unit_price: Box<RawValue>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredItem {
    pub id: Option<String>,
    pub title: String,
    pub description: Option<String>,
    pub quantity: u32,
    pub unit_minor: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredPreference {
    pub id: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub collector_id: u64,
    pub init_point: String,
    pub items: Vec<StoredItem>,
    pub payer: Option<Value>,
    pub payment_methods: Option<Value>,
    pub back_urls: Option<Value>,
    pub auto_return: Option<String>,
    pub notification_url: Option<String>,
    pub external_reference: Option<String>,
    pub expires: bool,
    pub expires_ms: Option<i64>,
}

/// A member without a value is absent.
#[derive(Serialize)]
struct PreferenceView<'a> {
    id: &'a str,
    init_point: &'a str,
    items: Vec<ItemView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_methods: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    back_urls: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_reference: Option<&'a str>,
    date_created: String,
    last_updated: String,
    total_amount: JsonAmount,
    expires: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date_to: Option<String>,
    collector_id: u64,
}

#[derive(Serialize)]
struct ItemView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    quantity: u32,
    currency_id: &'static str,
    unit_price: JsonAmount,
}

impl StoredItem {
    fn read(item: ItemRequest) -> Result<Self, MercadoPagoRefusal> {
        let unit = JsonAmount::read("unit_price", &item.unit_price)?;
        if item.quantity == 0 {
            return Err(MercadoPagoRefusal::bad_request("quantity must be positive"));
        }
        if item.currency_id.is_some_and(|currency| currency != "BRL") {
            return Err(MercadoPagoRefusal::bad_request("currency_id is not of the account"));
        }
        let ItemRequest { id, title, description, quantity, .. } = item;
        Ok(Self { id, title, description, quantity, unit_minor: unit.0 })
    }
}

impl StoredPreference {
    pub fn total_minor(&self) -> i64 {
        self.items.iter().map(|item| item.unit_minor * i64::from(item.quantity)).sum()
    }

    pub fn is_open(&self, at_ms: i64) -> bool {
        !self.expires || self.expires_ms.is_none_or(|expires_ms| at_ms < expires_ms)
    }

    fn apply(&mut self, request: PreferenceRequest) -> Result<(), MercadoPagoRefusal> {
        let items = request.items.ok_or_else(|| MercadoPagoRefusal::missing("items"))?;
        if items.is_empty() {
            return Err(MercadoPagoRefusal::bad_request("items must not be empty"));
        }
        self.items = items.into_iter().map(StoredItem::read).collect::<Result<_, _>>()?;
        let too_long = |text: &String| text.chars().count() > REFERENCE_CHARACTERS_MAX;
        if request.external_reference.as_ref().is_some_and(too_long) {
            return Err(MercadoPagoRefusal::bad_request("external_reference is too long"));
        }
        if request.notification_url.as_ref().is_some_and(|url| !is_deliverable(url)) {
            return Err(MercadoPagoRefusal::bad_request("notification_url attribute must be url valid"));
        }
        if let Some(text) = request.expiration_date_to {
            let read =
                date::read(&text).ok_or_else(|| MercadoPagoRefusal::invalid_date("expiration_date_to"))?;
            self.expires_ms = Some(read);
        }
        let returns = request.back_urls.as_ref().or(self.back_urls.as_ref());
        let has_success = returns.is_some_and(|urls| urls["success"].as_str().is_some());
        if request.auto_return.is_some() && !has_success {
            return Err(MercadoPagoRefusal::bad_request(
                "auto_return invalid. back_url.success must be defined",
            ));
        }
        self.expires = request.expires.unwrap_or(self.expires);
        self.payer = request.payer.or(self.payer.take());
        self.payment_methods = request.payment_methods.or(self.payment_methods.take());
        self.back_urls = request.back_urls.or(self.back_urls.take());
        self.auto_return = request.auto_return.or(self.auto_return.take());
        self.notification_url = request.notification_url.or(self.notification_url.take());
        self.external_reference = request.external_reference.or(self.external_reference.take());
        Ok(())
    }

    pub fn render(&self) -> Vec<u8> {
        let items = self.items.iter().map(|item| ItemView {
            id: item.id.as_deref(),
            title: &item.title,
            description: item.description.as_deref(),
            quantity: item.quantity,
            currency_id: "BRL",
            unit_price: JsonAmount(item.unit_minor),
        });
        super::view::json(&PreferenceView {
            id: &self.id,
            init_point: &self.init_point,
            items: items.collect(),
            payer: self.payer.as_ref(),
            payment_methods: self.payment_methods.as_ref(),
            back_urls: self.back_urls.as_ref(),
            external_reference: self.external_reference.as_deref(),
            date_created: date::show(self.created_ms),
            last_updated: date::show(self.updated_ms),
            total_amount: JsonAmount(self.total_minor()),
            expires: self.expires,
            expiration_date_to: self.expires_ms.map(date::show),
            collector_id: self.collector_id,
        })
    }

    pub fn page(&self, at_ms: i64) -> String {
        let open = if self.is_open(at_ms) { "" } else { " disabled" };
        let button = |action: &str, text: &str| {
            format!(
                "<form method=post action=\"/sandbox/mercado_pago/preferences/{}/{action}\">\
                 <button{open}>{text}</button></form>",
                self.id
            )
        };
        format!(
            "<!doctype html><html lang=en><meta charset=utf-8><title>Checkout test page</title>\
             <body style=\"font-family:sans-serif;max-width:28rem;margin:4rem auto\"><h1>Checkout test page</h1>\
             <p>Order <code>{}</code></p>{}{}{}</body></html>",
            self.id,
            button("pay", "Pay"),
            button("pix", "Pay with Pix"),
            button("decline", "Be declined"),
        )
    }
}

pub fn create(draft: &mut CallDraft, body: &[u8]) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let request: PreferenceRequest = read_object(body, &MEMBERS)?;
    let collector_id = creation::collector_id(&draft.held.account.id);
    let number = draft.mint.integer();
    let id = format!("{collector_id}-{number}-4000-8000-{number:0>12}");
    let mut preference = StoredPreference {
        created_ms: draft.at,
        updated_ms: draft.at,
        collector_id,
        init_point: format!("{}/sandbox/mercado_pago/preferences/{id}", draft.base),
        id,
        items: Vec::new(),
        payer: None,
        payment_methods: None,
        back_urls: None,
        auto_return: None,
        notification_url: None,
        external_reference: None,
        expires: false,
        expires_ms: None,
    };
    preference.apply(request)?;
    Ok(MercadoPagoAnswer::PreferenceMade { snapshot: draft.add_snapshot(preference) })
}

pub fn update(draft: &mut CallDraft, id: &str, body: &[u8]) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let request: PreferenceRequest = read_object(body, &MEMBERS)?;
    let mut preference = find(draft.held, id)?.clone();
    preference.apply(request)?;
    preference.updated_ms = draft.at;
    Ok(MercadoPagoAnswer::PreferenceChanged { snapshot: draft.add_snapshot(preference) })
}

pub fn find<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a StoredPreference, MercadoPagoRefusal> {
    held.preferences.get(id).ok_or_else(MercadoPagoRefusal::preference_not_found)
}

#[derive(Default, Deserialize)]
struct PageRequest {
    token: Option<String>,
}

/// The order of a payment that a payer makes on the page.
#[derive(Serialize)]
struct PageOrder<'a> {
    transaction_amount: JsonAmount,
    payment_method_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    installments: u32,
    external_reference: Option<&'a str>,
    notification_url: Option<&'a str>,
    payer: Value,
}

/// What a payer does on the page. Returns the id of the payment.
pub fn act(draft: &mut CallDraft, id: &str, action: &str, body: &[u8]) -> Result<String, MercadoPagoRefusal> {
    let request: PageRequest = read_object(body, &["token"])?;
    let preference = find(draft.held, id)?;
    if !preference.is_open(draft.at) {
        return Err(MercadoPagoRefusal::wrong_state());
    }
    let token = match action {
        "pay" => Some(request.token.as_deref().unwrap_or("approved")),
        "decline" => Some("rejected_other"),
        "pix" => None,
        _ => return Err(MercadoPagoRefusal::unknown_path()),
    };
    let email = preference.payer.as_ref().and_then(|payer| payer["email"].as_str()).unwrap_or(ANYBODY);
    let order = PageOrder {
        transaction_amount: JsonAmount(preference.total_minor()),
        payment_method_id: if token.is_some() { "visa" } else { "pix" },
        token,
        installments: 1,
        external_reference: preference.external_reference.as_deref(),
        notification_url: preference.notification_url.as_deref(),
        payer: json!({"email": email}),
    };
    let body = super::view::json(&order);
    let answer = creation::create(draft, &body)?;
    Ok(answer.object(&draft.snapshots).unwrap_or_default().to_owned())
}
