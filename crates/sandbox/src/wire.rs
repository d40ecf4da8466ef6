//! The providers' wires that one port speaks, and what differs between them in [`crate::call`].
//!
//! All have accounts, faults, one journal line per call and webhooks. A wire
//! reads its calls, decides them and renders their replies. The path of a call decides which wire
//! it uses, and an account belongs to one wire.
//!
//! What must never be here: what only one provider does.

use serde::{Deserialize, Serialize};

use crate::{
    answer::StripeAnswer,
    call::ArrivedCall,
    call_draft::CallDraft,
    form::{self, FormPairs},
    mercado_pago::{self, MercadoPagoAnswer, MercadoPagoRefusal},
    pix::{self, PixAnswer, PixRefusal},
    refusal::StripeRefusal,
    snapshot::Snapshot,
    stripe::{self, version::Version},
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderWire {
    #[default]
    Stripe,
    MercadoPago,
    Pix,
}

/// Why a call is refused before it is executed, on any wire.
pub enum CallRefusal<'a> {
    Unavailable,
    RateLimited,
    /// As if another call held the key.
    KeyLocked,
    /// A system that the provider depends on has failed.
    FailedDependency,
    NoCredential,
    UnknownCredential(&'a str),
    KeyTooLong,
    KeyInUse(&'a str),
    KeyReused(&'a str),
    /// The sandbox or the provider fails, for this reason.
    Failure(&'a str),
}

/// The parameters of a call, decoded.
pub enum CallInput {
    /// Those of the query and of the form together.
    Stripe(FormPairs),
    /// Those of the query. The body stays as it arrived, so that no amount becomes a float.
    MercadoPago(FormPairs),
    /// The same.
    Pix(FormPairs),
}

/// A call that its wire accepts.
pub enum CheckedWireCall<'a> {
    Stripe(stripe::CheckedCall<'a>),
    MercadoPago(mercado_pago::CheckedCall),
    Pix(pix::CheckedCall),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireAnswer {
    Stripe(StripeAnswer),
    MercadoPago(MercadoPagoAnswer),
    Pix(PixAnswer),
}

impl From<StripeRefusal> for WireAnswer {
    fn from(refusal: StripeRefusal) -> Self {
        Self::Stripe(StripeAnswer::Refused(refusal))
    }
}

impl From<MercadoPagoRefusal> for WireAnswer {
    fn from(refusal: MercadoPagoRefusal) -> Self {
        Self::MercadoPago(MercadoPagoAnswer::Refused(refusal))
    }
}

impl From<PixRefusal> for WireAnswer {
    fn from(refusal: PixRefusal) -> Self {
        Self::Pix(PixAnswer::Refused(refusal))
    }
}

const MERCADO_PAGO: [&str; 4] = ["/v1/payments", "/v1/orders", "/v1/chargebacks", mercado_pago::PREFERENCES];

impl ProviderWire {
    pub fn of_path(path: &str) -> Self {
        if pix::is_path(path) {
            return Self::Pix;
        }
        let below =
            |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_mercado_pago = MERCADO_PAGO.into_iter().any(below);
        if is_mercado_pago { Self::MercadoPago } else { Self::Stripe }
    }

    /// As in the books.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::MercadoPago => "mercado_pago",
            Self::Pix => "pix",
        }
    }

    /// The header of the idempotency key. A bank reads none: its ids are the keys.
    pub fn key_header(self) -> Option<&'static str> {
        match self {
            Self::Stripe => Some("idempotency-key"),
            Self::MercadoPago => Some("x-idempotency-key"),
            Self::Pix => None,
        }
    }

    /// The API of Pix refuses with problem documents (RFC 7807).
    pub fn content_type(self, status: u16) -> &'static str {
        if self == Self::Pix && status >= 400 { "application/problem+json" } else { "application/json" }
    }

    /// Whether calls of this method are executed once per key.
    pub fn is_keyed(self, method: &str) -> bool {
        method == "POST" || (self == Self::MercadoPago && method == "PUT")
    }

    pub fn refusal(self, why: &CallRefusal) -> WireAnswer {
        match self {
            Self::Stripe => stripe::call_refusal(why).into(),
            Self::MercadoPago => mercado_pago::call_refusal(why).into(),
            Self::Pix => pix::call_refusal(why).into(),
        }
    }

    pub fn read_input(self, arrival: &ArrivedCall) -> Result<CallInput, WireAnswer> {
        match self {
            Self::Stripe => {
                Version::read(arrival.version.as_deref())?;
                stripe_pairs(arrival)
                    .map(CallInput::Stripe)
                    .map_err(|message| StripeRefusal::invalid(message).into())
            }
            Self::MercadoPago => form::decode(arrival.query.as_bytes())
                .map(CallInput::MercadoPago)
                .map_err(|message| MercadoPagoRefusal::bad_request(message).into()),
            Self::Pix => form::decode(arrival.query.as_bytes())
                .map(CallInput::Pix)
                .map_err(|_| PixRefusal::invalid("query").into()),
        }
    }

    /// Applies a change that happens without a call.
    pub fn settle(self, draft: &mut CallDraft, object: &str) {
        match self {
            Self::Stripe => stripe::settle(draft, object),
            Self::MercadoPago => mercado_pago::settle(draft, object),
            Self::Pix => pix::settle(draft, object),
        }
    }
}

fn stripe_pairs(arrival: &ArrivedCall) -> Result<FormPairs, &'static str> {
    let mut pairs = form::decode(arrival.query.as_bytes())?;
    pairs.extend(form::decode(&arrival.body)?);
    Ok(pairs)
}

impl CallInput {
    /// Equal for a call and its repetition.
    pub fn fingerprint(&self, arrival: &ArrivedCall) -> String {
        match self {
            Self::Stripe(pairs) => form::fingerprint(arrival.method, &arrival.path, pairs),
            Self::MercadoPago(_) | Self::Pix(_) => mercado_pago::fingerprint(arrival),
        }
    }

    pub fn check(self, arrival: &ArrivedCall) -> Result<CheckedWireCall<'_>, WireAnswer> {
        Ok(match self {
            Self::Stripe(pairs) => CheckedWireCall::Stripe(stripe::check(
                arrival.method,
                &arrival.path,
                arrival.version(),
                pairs,
            )?),
            Self::MercadoPago(pairs) => {
                CheckedWireCall::MercadoPago(mercado_pago::CheckedCall::read(arrival, pairs)?)
            }
            Self::Pix(pairs) => CheckedWireCall::Pix(pix::CheckedCall::read(arrival, pairs)?),
        })
    }
}

impl CheckedWireCall<'_> {
    /// Decides a call that changes something.
    pub fn write(self, draft: &mut CallDraft, method: &str) -> WireAnswer {
        match self {
            Self::Stripe(checked) => {
                stripe::write(draft, method, checked).map_or_else(WireAnswer::from, WireAnswer::Stripe)
            }
            Self::MercadoPago(checked) => {
                checked.write(draft).map_or_else(WireAnswer::from, WireAnswer::MercadoPago)
            }
            Self::Pix(checked) => checked.write(draft).map_or_else(WireAnswer::from, WireAnswer::Pix),
        }
    }
}

impl WireAnswer {
    pub fn status(&self) -> u16 {
        match self {
            Self::Stripe(answer) => answer.status(),
            Self::MercadoPago(answer) => answer.status(),
            Self::Pix(answer) => answer.status(),
        }
    }

    /// The status of a repetition.
    pub fn repeated_status(&self) -> u16 {
        match self {
            Self::Stripe(answer) => answer.status(),
            Self::MercadoPago(answer) => answer.repeated_status(),
            Self::Pix(answer) => answer.status(),
        }
    }

    /// Whether a repetition under the key gets this reply again, once execution has begun.
    pub fn is_kept(&self) -> bool {
        match self {
            Self::Stripe(_) => true,
            Self::MercadoPago(answer) => answer.is_kept(),
            Self::Pix(_) => false,
        }
    }

    /// The id of the object that the reply is about.
    pub fn object<'a>(&self, snapshots: &'a [Snapshot]) -> Option<&'a str> {
        match self {
            Self::Stripe(answer) => answer.object(snapshots),
            Self::MercadoPago(answer) => answer.object(snapshots),
            Self::Pix(answer) => answer.object(snapshots),
        }
    }

    pub fn render(&self, snapshots: &[Snapshot], request: &str) -> Vec<u8> {
        match self {
            Self::Stripe(answer) => answer.render(snapshots, request),
            Self::MercadoPago(answer) => answer.render(snapshots),
            Self::Pix(answer) => answer.render(snapshots),
        }
    }

    /// What the books say about a refusal beside its status; nothing for a success.
    pub fn refusal_name(&self) -> Option<String> {
        match self {
            Self::Stripe(StripeAnswer::Shown { .. }) => None,
            Self::Stripe(StripeAnswer::Refused(refusal)) => {
                let name = refusal.noted.as_ref().or(refusal.code.as_ref()).unwrap_or(&refusal.kind);
                Some(name.to_string())
            }
            Self::MercadoPago(answer) => answer.refusal_name(),
            Self::Pix(answer) => answer.refusal_name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_one_wire() {
        let check = |path: &str, wire: ProviderWire| assert_eq!(ProviderWire::of_path(path), wire, "{path}");
        check("/v1/payments", ProviderWire::MercadoPago);
        check("/v1/payments/1/refunds", ProviderWire::MercadoPago);
        check("/v1/orders", ProviderWire::MercadoPago);
        check("/v1/orders/ORD1/refund", ProviderWire::MercadoPago);
        check("/v1/chargebacks/1", ProviderWire::MercadoPago);
        check("/v1/chargebacks/search", ProviderWire::MercadoPago);
        check("/checkout/preferences", ProviderWire::MercadoPago);
        check("/checkout/preferences/1", ProviderWire::MercadoPago);
        check("/v1/chargebacksx", ProviderWire::Stripe);
        check("/v1/payment_intents", ProviderWire::Stripe);
        check("/v1/payment_methods/pm_1", ProviderWire::Stripe);
        check("/v1/paymentsx", ProviderWire::Stripe);
        check("/v1/refunds", ProviderWire::Stripe);
        check("/api/v2/cob/1", ProviderWire::Pix);
        check("/oauth/token", ProviderWire::Pix);
        check("/api/v2x", ProviderWire::Stripe);
    }
}
