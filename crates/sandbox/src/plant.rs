//! Differences on purpose: `POST /sandbox/plant/{object}` changes the provider's books as no call did, and no
//! event or notification reports it. A caller that compares its books with the provider's must find it.
//!
//! | member of the body | effect on the payment intent, or the payment of Mercado Pago |
//! |---|---|
//! | `copy` | the others apply to a new object, a copy of this one |
//! | `reference` | of a copy: what it carries as our reference; absent: nothing |
//! | `captured` | this much of it is captured |
//! | `amount` | it is for this amount, and so is what was captured |
//! | `currency` | Stripe only: it is in this currency |
//! | `cancelled` | it is cancelled, and has no money |
//! | `refunded` | this much goes back to the payer |
//!
//! Amounts are in the minor unit of the provider. The reply has the ids: `{"id", "refund"}`.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;

use crate::{
    call_draft::CallDraft,
    change::{self, ChangeError},
    charge::Charge,
    control::refused,
    intent::{Intent, IntentStatus},
    mercado_pago,
    parameters::StripeMetadata,
    refund::{Refund, StripeRefundStatus},
    reply::json as answered,
    state::SharedState,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantRequest {
    #[serde(default)]
    pub copy: bool,
    pub reference: Option<String>,
    pub captured: Option<i64>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    #[serde(default)]
    pub cancelled: bool,
    pub refunded: Option<i64>,
}

/// The ids of the changed object, and of the refund that was planted.
pub struct Planted {
    pub id: String,
    pub refund: Option<String>,
}

pub fn change_object(shared: &SharedState, object: &str, body: &[u8]) -> Response<Full<Bytes>> {
    let request: PlantRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refused(400, &error.to_string()),
    };
    let object = &*mercado_pago::payment_id(object);
    let planted = change::apply(
        shared,
        |books| books.account_with(object).or_else(|| books.account_with_payment(object)),
        |draft| match draft.held.payments.get(object).cloned() {
            Some(payment) => Ok(mercado_pago::plant(draft, payment, &request)),
            None => stripe_object(draft, object, &request),
        },
    );
    match planted {
        Ok(Planted { id, refund }) => {
            answered(200, json!({"id": id, "refund": refund}).to_string().into_bytes())
        }
        Err(ChangeError::Missing) => refused(404, "no such payment intent or payment"),
        Err(ChangeError::Refused(why)) => refused(400, why),
        Err(ChangeError::Unwritten(error)) => refused(500, &error.to_string()),
    }
}

fn stripe_object(
    draft: &mut CallDraft,
    object: &str,
    request: &PlantRequest,
) -> Result<Planted, &'static str> {
    let mut intent = draft.held.intents.get(object).ok_or("it is no payment intent")?.clone();
    let charge = intent.latest_charge().and_then(|id| draft.held.charges.get(id)).cloned();
    let mut charge = match charge {
        Some(charge) => charge,
        None => new_charge(draft, &intent).ok_or("it has no card yet")?,
    };
    if request.copy {
        (intent, charge) = copies(draft, intent, charge, request.reference.as_deref());
    }
    if let Some(currency) = &request.currency {
        intent.currency.clone_from(currency);
        charge.currency.clone_from(currency);
    }
    if let Some(amount) = request.amount {
        (intent.amount, charge.amount) = (amount, amount);
    }
    if let Some(captured) = request.captured.or(request.amount.filter(|_| charge.captured)) {
        intent.status = IntentStatus::Succeeded;
        (intent.amount_received, intent.amount_capturable, intent.next_action) = (captured, 0, None);
        charge.voided = false;
        charge.take(draft, captured);
    }
    if request.cancelled {
        intent.status = IntentStatus::Canceled;
        (intent.amount_received, intent.amount_capturable, intent.next_action) = (0, 0, None);
        (charge.captured, charge.captured_minor, charge.voided) = (false, 0, true);
        charge.capture = None;
    }
    let refund = request.refunded.map(|amount| {
        let refund = Refund {
            id: draft.mint.id("re"),
            created: draft.now(),
            charge: charge.id.clone(),
            intent: intent.id.clone(),
            payment_method: charge.payment_method.clone(),
            amount,
            currency: charge.currency.clone(),
            status: StripeRefundStatus::Succeeded,
            settlement: None,
            reason: None,
            metadata: StripeMetadata::new(),
            key: None,
        };
        charge.refunded_minor += amount;
        charge.refunds.push(refund.id.clone());
        let id = refund.id.clone();
        draft.add_snapshot(refund);
        id
    });
    if intent.latest_charge() != Some(charge.id.as_str()) {
        intent.charges.push(charge.id.clone());
    }
    let id = intent.id.clone();
    draft.add_snapshot(charge);
    draft.add_snapshot(intent);
    Ok(Planted { id, refund })
}

/// The charge of an intent whose card was chosen and that nothing was taken from.
fn new_charge(draft: &mut CallDraft, intent: &Intent) -> Option<Charge> {
    let method = intent.payment_method.as_ref()?;
    Some(Charge {
        id: draft.mint.id("ch"),
        created: draft.now(),
        intent: intent.id.clone(),
        payment_method: method.id.clone(),
        amount: intent.amount,
        currency: intent.currency.clone(),
        card: method.card,
        decline: None,
        captured: false,
        voided: false,
        captured_minor: 0,
        capture: None,
        refunded_minor: 0,
        refunds: Vec::new(),
        dispute: None,
        disputed_minor: 0,
        billing: None,
        metadata: intent.metadata.clone(),
        customer: intent.customer.clone(),
        description: None,
        receipt_email: None,
        shipping: None,
        statement_descriptor: None,
        statement_descriptor_suffix: None,
        transfer_group: None,
    })
}

/// The same payment once more, as another program of the account would make it.
fn copies(
    draft: &mut CallDraft,
    intent: Intent,
    charge: Charge,
    reference: Option<&str>,
) -> (Intent, Charge) {
    let (id, charge_id) = (draft.mint.id("pi"), draft.mint.id("ch"));
    let mut metadata = StripeMetadata::new();
    if let Some(reference) = reference {
        metadata.insert("operation".to_owned(), reference.to_owned());
    }
    let mut charge = Charge {
        id: charge_id.clone(),
        intent: id.clone(),
        created: draft.now(),
        metadata: metadata.clone(),
        refunded_minor: 0,
        refunds: Vec::new(),
        dispute: None,
        disputed_minor: 0,
        ..charge
    };
    if charge.captured {
        let captured = charge.captured_minor;
        charge.take(draft, captured);
    }
    let intent = Intent { id, created: draft.now(), metadata, key: None, charges: vec![charge_id], ..intent };
    (intent, charge)
}
