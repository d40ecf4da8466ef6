//! Mercado Pago's payments in the books, in the form of [`crate::ledger`].
//!
//! | member             | of a payment                                                            |
//! |--------------------|-------------------------------------------------------------------------|
//! | `id`, `charge`, `payment_intent` | the id of the payment or refund, as digits; where an order |
//! |                    | made it, those of the order and its refund                              |
//! | `reference`        | `external_reference`, else as for Stripe                                |
//! | `amount_minor`     | what the call asked for, also after a capture of a part                 |
//! | `authorized_minor` | the same, once it was authorised or paid                                |
//! | `refunded_minor`   | refunds that are approved or in process                                 |
//! | `disputed_minor`   | withdrawn by a chargeback and not reimbursed                            |
//! | `fee_minor`        | what the collector pays of a captured payment                           |
//! | `status`           | that of the payment; of a refund `succeeded`, `pending` or `failed`; of a |
//! |                    | chargeback `needs_response`, `won` or `lost`                                    |
//! | `metadata`         | texts as they are, other values as JSON; refunds have none              |
//! | `idempotency_key`  | of the call that created it; null for a refund by a person              |

use std::borrow::Cow;

use serde_json::Value;

use crate::{
    ledger::{ChargeEntry, DisputeEntry, RefundEntry},
    mercado_pago::StoredPayment,
    parameters::StripeMetadata,
    wire::ProviderWire,
};

const CURRENCY: &str = "brl";
const PROVIDER: ProviderWire = ProviderWire::MercadoPago;

pub fn charge<'a>(account: &'a str, payment: &'a StoredPayment) -> ChargeEntry<'a> {
    ChargeEntry {
        provider: PROVIDER.name(),
        account,
        id: payment.object().into(),
        reference: reference(payment),
        idempotency_key: payment.key.as_deref(),
        amount_minor: payment.requested_minor,
        currency: CURRENCY,
        authorized_minor: payment.authorized_minor,
        captured_minor: payment.captured_minor,
        refunded_minor: payment.refunded_minor(),
        disputed_minor: payment.disputed_minor(),
        fee_minor: payment.fee_minor(),
        status: payment.status.name(),
        metadata: Cow::Owned(metadata(payment)),
    }
}

pub fn refunds<'a>(
    account: &'a str,
    payment: &'a StoredPayment,
) -> impl Iterator<Item = RefundEntry<'a>> + use<'a> {
    payment.refunds.iter().map(move |refund| RefundEntry {
        provider: PROVIDER.name(),
        account,
        id: payment.refund_object(&refund.id),
        charge: payment.object(),
        payment_intent: payment.object(),
        reference: reference(payment),
        idempotency_key: refund.key.as_deref(),
        amount_minor: refund.amount_minor,
        currency: CURRENCY,
        status: refund.status.name_in_books(),
        metadata: Cow::Owned(StripeMetadata::new()),
    })
}

pub fn dispute<'a>(account: &'a str, payment: &'a StoredPayment) -> Option<DisputeEntry<'a>> {
    let charge_back = payment.charge_back.as_ref()?;
    Some(DisputeEntry {
        provider: PROVIDER.name(),
        account,
        id: (&charge_back.id).into(),
        charge: payment.object(),
        payment_intent: payment.object(),
        reference: reference(payment),
        amount_minor: charge_back.amount_minor,
        currency: CURRENCY,
        status: charge_back.name_in_books(),
        withdrawn_minor: payment.disputed_minor(),
        metadata: Cow::Owned(StripeMetadata::new()),
    })
}

fn reference(payment: &StoredPayment) -> Option<Cow<'_, str>> {
    let named = |name: &str| payment.metadata.get(name).and_then(Value::as_str);
    let own = payment.external_reference.as_deref();
    own.or_else(|| named("operation")).or_else(|| named("booking")).map(Cow::Borrowed)
}

fn metadata(payment: &StoredPayment) -> StripeMetadata {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut shown: StripeMetadata =
        payment.metadata.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    // A payment that a payer makes on a page has no metadata, and neither has an order.
    if (payment.on_page || payment.order.is_some())
        && let Some(reference) = &payment.external_reference
    {
        shown.insert("operation".to_owned(), reference.clone());
    }
    shown
}
