//! `/sandbox/…`: routes that no real provider has. Their calls are not in the books' `calls`.
//!
//! | route                                  | does                                                    |
//! |----------------------------------------|---------------------------------------------------------|
//! | `GET  /sandbox`                        | a page to see the books and to set faults               |
//! | `GET  /sandbox/health`                 | replies `{"status":"ok"}`                               |
//! | `POST /sandbox/accounts`               | sets up or changes an account, durably                  |
//! | `GET  /sandbox/books`                  | see [`crate::ledger`]                                   |
//! | `GET  /sandbox/calls`                  | see [`crate::call_counts`]                                    |
//! | `GET`, `POST /sandbox/faults`          | see [`crate::faults`]; `?defaults=true`: the defaults   |
//! | `POST /sandbox/sign`                   | `{"account","body","at"}`: the header that the account's |
//! |                                        | webhook signs this body with, at this Unix second. For  |
//! |                                        | Mercado Pago `{"account","data_id","request_id","at"}`  |
//! | `GET  /sandbox/authenticate/{pi}`      | the bank's 3-D Secure page                              |
//! | `POST /sandbox/authenticate/{pi}`      | `{"approve":bool}` finishes it; a form redirects back   |
//! | `POST /sandbox/form/{pi}`              | `{"card":"pm_card_visa"}`, or `"boleto"`: the payer fills and confirms |
//! | `POST /sandbox/pay/{pi}`               | the payer pays the code of Pix, or the voucher          |
//! | `POST /sandbox/expire/{pi}`            | ends an authorisation, a code or a voucher before its time |
//! | `POST /sandbox/dispute/{pi}`           | `{"amount","reason","inquiry","due_by"}`, each optional: |
//! |                                        | disputes a captured intent                              |
//! | `POST /sandbox/disputes/{du}`          | `{"outcome":"won"}`, `lost`, `prevented`, or for an     |
//! |                                        | inquiry `escalated`: the bank decides                   |
//! | `POST /sandbox/plant/{object}`         | changes an object, unreported: see `plant`              |
//! | `/sandbox/mercado_pago/preferences/{id}…` | see `mercado_pago::preference`                       |
//! | `/sandbox/mercado_pago/payments/{id}…` | see `mercado_pago::dashboard`                           |
//! | `/sandbox/pix/cob/{txid}…`             | see `pix::dashboard`                                    |

mod disputes;

use bytes::Bytes;
use http::{Response, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;

use crate::{
    account::{Account, OWN_ENDPOINT, WebhookEndpoint, is_deliverable},
    balance::Fees,
    books::AccountBooks,
    call_counts::{self, CountedSpan},
    call_draft::CallDraft,
    change::{self, ChangeError},
    clock,
    faults::Faults,
    form, ids, ledger,
    line::JournalRecord,
    mercado_pago,
    parameters::StripeMetadata,
    pix, plant,
    random::Random,
    refusal::StripeRefusal,
    reply::{json as answered, typed},
    signature,
    state::{SandboxState, SharedState},
    stripe,
    wire::ProviderWire,
};

const PAGE: &str = include_str!("page.html");
const SECRETS_MAX: usize = 8;

type Answered = Response<Full<Bytes>>;

/// A request to one of the routes above.
pub struct ControlRequest<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub is_form: bool,
    pub body: &'a [u8],
}

pub fn answer(shared: &SharedState, request: &ControlRequest) -> Answered {
    let segments: Vec<&str> = request.path.split('/').skip(2).collect();
    match (request.method, segments.as_slice()) {
        ("GET", [] | [""]) => typed(200, "text/html; charset=utf-8", PAGE.as_bytes().to_vec()),
        ("GET", ["health"]) => answered(200, br#"{"status":"ok"}"#.to_vec()),
        ("POST", ["accounts"]) => accounts(&mut shared.state(), request.body),
        ("GET", ["books"]) => books(&shared.state(), request.query),
        ("GET", ["calls"]) => calls(&shared.state(), request.query),
        ("GET", ["faults"]) if request.query == "defaults=true" => shown(&Faults::default()),
        ("GET", ["faults"]) => shown(&shared.state().faults),
        ("POST", ["faults"]) => {
            let answered = faults(&mut shared.state(), request.body);
            // Deliveries that were held back may go now.
            shared.stirred.notify_one();
            answered
        }
        ("POST", ["sign"]) => sign(&shared.state(), request.body),
        ("GET", ["authenticate", intent]) => page(&shared.state(), intent),
        ("POST", ["authenticate", intent]) => authenticate(shared, intent, request),
        ("POST", ["form", intent]) => fill_form(shared, intent, request.body),
        ("POST", ["pay", intent]) => match act(shared, intent, |draft| stripe::pay_code(draft, intent)) {
            Ok(()) => intent_shown(shared, intent),
            Err(refusal) => refused(refusal.status, &refusal.message),
        },
        ("POST", ["expire", intent]) => match act(shared, intent, |draft| stripe::expire(draft, intent)) {
            Ok(()) => intent_shown(shared, intent),
            Err(refusal) => refused(refusal.status, &refusal.message),
        },
        ("POST", ["dispute", intent]) => disputes::open(shared, intent, request.body),
        ("POST", ["plant", object]) => plant::change_object(shared, object, request.body),
        ("POST", ["disputes", dispute]) => disputes::decide(shared, dispute, request.body),
        ("GET", ["mercado_pago", "payments", id]) => payment_page(&shared.state(), id),
        ("POST", ["mercado_pago", "payments", id, action]) => change_payment(shared, id, action, request),
        ("GET", ["mercado_pago", "preferences", id]) => checkout_page(&shared.state(), id),
        ("POST", ["mercado_pago", "preferences", id, action]) => pay_on_page(shared, id, action, request),
        ("POST", ["pix", "cob", id, action]) => change_charge(shared, id, action, request.body),
        _ => refused(404, "There is nothing here."),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountRequest {
    id: String,
    #[serde(default)]
    provider: ProviderWire,
    secret_key: String,
    /// None by default. What was paid before a change keeps its own.
    #[serde(default)]
    fees: Fees,
    webhook: Option<WebhookOrder>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookOrder {
    url: String,
    secrets: Vec<String>,
    #[serde(default = "all_events")]
    enabled_events: Vec<String>,
}

fn all_events() -> Vec<String> {
    vec!["*".to_owned()]
}

fn accounts(state: &mut SandboxState, body: &[u8]) -> Answered {
    let request: AccountRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refused(400, &error.to_string()),
    };
    if request.id.is_empty() || request.secret_key.is_empty() {
        return refused(400, "id and secret_key must not be empty");
    }
    if let Err(message) = request.fees.check() {
        return refused(400, &message);
    }
    if state.books.account_of(&request.secret_key).is_some_and(|owner| **owner != *request.id) {
        return refused(409, "another account has this secret_key");
    }
    let known = state.books.accounts.get(&*request.id).map(|held| &held.account);
    if known.is_some_and(|account| account.wire != request.provider) {
        return refused(409, "an account keeps its provider");
    }
    if let Some(webhook) = &request.webhook {
        if !is_deliverable(&webhook.url) {
            return refused(400, "webhook.url must be an http:// address");
        }
        if webhook.secrets.is_empty() || webhook.secrets.len() > SECRETS_MAX {
            return refused(400, &format!("webhook.secrets must have 1 to {SECRETS_MAX} entries"));
        }
    }
    let at = clock::now_ms();
    let mut endpoints = known.map(|account| account.endpoints.clone()).unwrap_or_default();
    endpoints.retain(|endpoint| endpoint.id != OWN_ENDPOINT);
    endpoints.extend(request.webhook.map(|webhook| WebhookEndpoint {
        id: OWN_ENDPOINT.to_owned(),
        created: at / 1000,
        url: webhook.url,
        secrets: webhook.secrets,
        enabled_events: webhook.enabled_events,
        api_version: None,
        description: None,
        metadata: StripeMetadata::new(),
        removed: false,
    }));
    let AccountRequest { id, provider: wire, secret_key, fees, .. } = request;
    let account = Account { id, wire, secret_key, fees, endpoints };
    let shown = json!({"id": account.id});
    match state.commit(JournalRecord { at, configured: Some(account), ..JournalRecord::default() }) {
        Ok(()) => answered(200, shown.to_string().into_bytes()),
        Err(error) => refused(500, &error.to_string()),
    }
}

fn books(state: &SandboxState, query: &str) -> Answered {
    let Ok(pairs) = form::decode(query.as_bytes()) else { return refused(400, "the query cannot be read") };
    let mut account = None;
    let mut with_calls = true;
    for (name, value) in &pairs {
        match (&name[..], &value[..]) {
            ("account", id) => account = Some(id),
            ("calls", "true") => with_calls = true,
            ("calls", "false") => with_calls = false,
            _ => return refused(400, "only account=acct_… and calls=true|false are known"),
        }
    }
    answered(200, ledger::render(&state.books, account, with_calls))
}

fn calls(state: &SandboxState, query: &str) -> Answered {
    match form::decode(query.as_bytes()).map_err(str::to_owned).and_then(|pairs| CountedSpan::read(&pairs)) {
        Ok(span) => answered(200, call_counts::render(&state.books, &span)),
        Err(message) => refused(400, &message),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignRequest {
    account: String,
    body: Option<String>,
    data_id: Option<String>,
    request_id: Option<String>,
    at: Option<i64>,
}

/// The holder of an account's secret can sign anything; a test that plays an attacker needs that
/// too.
fn sign(state: &SandboxState, body: &[u8]) -> Answered {
    let request: SignRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refused(400, &error.to_string()),
    };
    let held = state.books.accounts.get(&*request.account);
    let own =
        held.and_then(|held| held.account.endpoints.iter().find(|endpoint| endpoint.id == OWN_ENDPOINT));
    let Some(endpoint) = own else { return refused(404, "no account with a webhook has this id") };
    let at_ms = request.at.map_or_else(clock::now_ms, |at| at * 1000);
    let wire = held.map_or(ProviderWire::Stripe, |held| held.account.wire);
    let signature = match (wire, &request.body, &request.data_id, &request.request_id) {
        (ProviderWire::Stripe, Some(body), None, None) => {
            signature::header(&endpoint.secrets, at_ms / 1000, body.as_bytes())
        }
        (ProviderWire::MercadoPago, None, Some(data_id), Some(request_id)) => {
            let secret = endpoint.secrets.first().map_or("", String::as_str);
            mercado_pago::sign(secret, data_id, request_id, at_ms, &state.faults)
        }
        _ => return refused(400, "Stripe signs a body, Mercado Pago data_id and request_id"),
    };
    answered(200, json!({"signature": signature}).to_string().into_bytes())
}

fn faults(state: &mut SandboxState, body: &[u8]) -> Answered {
    let faults: Faults = match serde_json::from_slice(body) {
        Ok(faults) => faults,
        Err(error) => return refused(400, &error.to_string()),
    };
    if let Err(message) = faults.check() {
        return refused(400, &message);
    }
    state.random = Random::seeded(faults.seed);
    state.posting = Random::seeded(!faults.seed);
    state.faults = faults;
    shown(&state.faults)
}

fn shown(faults: &Faults) -> Answered {
    answered(200, serde_json::to_vec(faults).expect("faults have only text keys"))
}

fn page(state: &SandboxState, intent: &str) -> Answered {
    let Some(account) = state.books.account_with(intent) else {
        return refused(404, "no such payment intent");
    };
    let held: &AccountBooks = &state.books.accounts[account];
    let intent = &held.intents[intent];
    let open = if intent.next_action.is_some() { "" } else { " disabled" };
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>3-D Secure test page</title>\
         <body style=\"font-family:sans-serif;max-width:28rem;margin:4rem auto\"><h1>3-D Secure test page</h1>\
         <p>Payment <code>{}</code> of {} {} is <b>{}</b>.</p><form method=post>\
         <button name=approve value=true{open}>Approve</button> <button name=approve value=false{open}>Decline</button>\
         </form></body></html>",
        intent.id,
        intent.amount,
        intent.currency,
        intent.status.name(),
    );
    typed(200, "text/html; charset=utf-8", html.into_bytes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    approve: bool,
}

fn authenticate(shared: &SharedState, intent: &str, request: &ControlRequest) -> Answered {
    let approved = if request.is_form {
        let pairs = form::decode(request.body).unwrap_or_default();
        pairs.iter().find(|(name, _)| name == "approve").and_then(|(_, value)| value.parse().ok())
    } else {
        serde_json::from_slice::<Verdict>(request.body)
            .ok()
            .map(|decision_of_evidence| decision_of_evidence.approve)
    };
    let Some(approved) = approved else { return refused(400, "approve must be true or false") };
    let return_url = match act(shared, intent, |draft| stripe::authenticate(draft, intent, approved)) {
        Ok(return_url) => return_url,
        Err(refusal) => return refused(refusal.status, &refusal.message),
    };
    let Some(return_url) = return_url.filter(|_| request.is_form) else {
        return intent_shown(shared, intent);
    };
    let status = if approved { "succeeded" } else { "failed" };
    let joint = if return_url.contains('?') { '&' } else { '?' };
    let secret = ids::client_secret(intent);
    let target = format!(
        "{return_url}{joint}payment_intent={intent}&payment_intent_client_secret={secret}&redirect_status={status}"
    );
    let mut response = typed(303, "text/plain", Vec::new());
    if let Ok(target) = target.parse() {
        response.headers_mut().insert(header::LOCATION, target);
    }
    response
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormRequest {
    card: String,
}

fn fill_form(shared: &SharedState, intent: &str, body: &[u8]) -> Answered {
    let request: FormRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refused(400, &error.to_string()),
    };
    match act(shared, intent, |draft| stripe::fill_form(draft, intent, &request.card)) {
        Ok(()) => intent_shown(shared, intent),
        Err(refusal) => refused(refusal.status, &refusal.message),
    }
}

/// Applies a change to an intent or a dispute that no API call caused.
fn act<T>(
    shared: &SharedState,
    object: &str,
    decide: impl FnOnce(&mut CallDraft) -> Result<T, StripeRefusal>,
) -> Result<T, StripeRefusal> {
    change::apply(shared, |books| books.account_with(object), decide).map_err(|error| match error {
        ChangeError::Missing => {
            StripeRefusal::missing_object("payment_intent", object, "intent").with_status(404)
        }
        ChangeError::Refused(refusal) => refusal,
        ChangeError::Unwritten(error) => StripeRefusal::api(&error.to_string()),
    })
}

fn payment_page(state: &SandboxState, id: &str) -> Answered {
    let id = &*mercado_pago::payment_id(id);
    let account = state.books.account_with_payment(id).map(|account| &state.books.accounts[account]);
    match account.and_then(|held| held.payments.get(id)) {
        Some(payment) => typed(200, "text/html; charset=utf-8", mercado_pago::page(payment).into_bytes()),
        None => refused(404, "no such payment"),
    }
}

fn checkout_page(state: &SandboxState, id: &str) -> Answered {
    let account = state.books.account_with_preference(id).map(|account| &state.books.accounts[account]);
    match account.and_then(|held| held.preferences.get(id)) {
        Some(found) => typed(200, "text/html; charset=utf-8", found.page(clock::now_ms()).into_bytes()),
        None => refused(404, "no such preference"),
    }
}

fn pay_on_page(shared: &SharedState, id: &str, action: &str, request: &ControlRequest) -> Answered {
    // A button of a page has no JSON.
    let body = if request.is_form { b"" } else { request.body };
    let made = change::apply(
        shared,
        |books| books.account_with_preference(id),
        |draft| mercado_pago::act_on_page(draft, id, action, body),
    );
    match made {
        Err(ChangeError::Missing) => refused(404, "no such preference"),
        Err(ChangeError::Refused(refusal)) => refused(refusal.status(), refusal.message()),
        Err(ChangeError::Unwritten(error)) => refused(500, &error.to_string()),
        Ok(payment) => payment_shown(shared, &payment),
    }
}

fn payment_shown(shared: &SharedState, id: &str) -> Answered {
    let id = &*mercado_pago::payment_id(id);
    let state = shared.state();
    let account = state.books.account_with_payment(id).map(|account| &state.books.accounts[account]);
    let Some(payment) = account.and_then(|held| held.payments.get(id)) else {
        return refused(404, "no such payment");
    };
    answered(200, serde_json::to_vec(&payment.view()).expect("a payment has only text keys"))
}

fn change_payment(shared: &SharedState, id: &str, action: &str, request: &ControlRequest) -> Answered {
    let id = &*mercado_pago::payment_id(id);
    // A button of a page has no JSON.
    let body = if request.is_form { b"" } else { request.body };
    let changed = change::apply(
        shared,
        |books| books.account_with_payment(id),
        |draft| mercado_pago::act(draft, id, action, body),
    );
    match changed {
        Err(ChangeError::Missing) => refused(404, "no such payment"),
        Err(ChangeError::Refused(refusal)) => refused(refusal.status(), refusal.message()),
        Err(ChangeError::Unwritten(error)) => refused(500, &error.to_string()),
        Ok(()) => payment_shown(shared, id),
    }
}

fn change_charge(shared: &SharedState, txid: &str, action: &str, body: &[u8]) -> Answered {
    let changed = change::apply(
        shared,
        |books| books.account_with_cob(txid),
        |draft| pix::act(draft, txid, action, body),
    );
    match changed {
        Err(ChangeError::Missing) => return refused(404, "no such charge"),
        Err(ChangeError::Refused(refusal)) => return refused(refusal.status(), refusal.message()),
        Err(ChangeError::Unwritten(error)) => return refused(500, &error.to_string()),
        Ok(()) => {}
    }
    let state = shared.state();
    let account = state.books.account_with_cob(txid).map(|account| &state.books.accounts[account]);
    match account.and_then(|held| held.cobs.get(txid)) {
        Some(cob) => answered(200, cob.view().to_string().into_bytes()),
        None => refused(404, "no such charge"),
    }
}

fn intent_shown(shared: &SharedState, intent: &str) -> Answered {
    let state = shared.state();
    let found = state
        .books
        .account_with(intent)
        .and_then(|account| state.books.accounts[account].intents.get(intent));
    let Some(intent) = found else { return refused(404, "no such payment intent") };
    answered(200, serde_json::to_vec(&intent.view()).expect("an intent has only text keys"))
}

pub(crate) fn refused(status: u16, message: &str) -> Answered {
    answered(status, json!({"error": {"message": message}}).to_string().into_bytes())
}
