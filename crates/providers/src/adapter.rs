//! The adapters that there are. Everything that differs from provider to provider before its first
//! call is in its [`Adapter`]; a new provider is a folder with one, and a line in [`ADAPTERS`].

use std::sync::Arc;

use domain::{Currency, provider::AmountRule, rows::Mode, time::Span};

use crate::{Guard, Payouts, Provider, Secret, WireSettings, mercado_pago, pix, stripe};

/// Two while a secret is being replaced.
const WEBHOOK_SECRETS_MAX: usize = 2;
const WEBHOOK_TOLERANCE_MAX: Span = Span::seconds(3_600);

pub static ADAPTERS: [&Adapter; 3] = [&stripe::ADAPTER, &mercado_pago::ADAPTER, &pix::ADAPTER];

/// The adapter of this name.
pub fn find(name: &str) -> Option<&'static Adapter> {
    ADAPTERS.into_iter().find(|adapter| adapter.name == name)
}

/// Whether the provider of this name takes evidence for a dispute by its API.
pub fn takes_evidence(name: &str) -> bool {
    find(name).is_some_and(|adapter| adapter.dispute_evidence)
}

/// Makes an account's provider of its settings. The error is a sentence.
pub type Open = fn(&ProviderSettings, &Guard) -> Result<Arc<dyn Provider>, String>;

/// One provider's part of this crate.
#[derive(Debug)]
pub struct Adapter {
    /// As in settings, in `payments.provider`, and in the path of its webhooks.
    pub name: &'static str,
    /// Empty if it has none of its own, so that each account must name one.
    pub base_url: &'static str,
    /// How long the provider keeps an idempotency key. After that the same call moves money again.
    pub keys_kept: Span,
    /// Refuses keys and secrets that cannot be this provider's. The error is a sentence that says what
    /// is wrong, and names no secret.
    pub check_keys: fn(&ProviderSettings) -> Result<(), String>,
    /// Opens no connection.
    pub open: Open,
    /// Which amounts it accepts in a currency, in our minor units; `None` for an unsupported currency.
    pub amounts: fn(Currency) -> Option<AmountRule>,
    pub methods: MethodRules,
    /// Whether evidence for a dispute can be submitted as text by its API. Otherwise a person submits it in the
    /// provider's dashboard.
    pub dispute_evidence: bool,
    /// The names of its APIs for payments, where an account chooses one. The first is the default.
    pub apis: &'static [&'static str],
    /// Whether a part of what the object with this id has authorised can be captured. Otherwise a capture takes
    /// all of it.
    pub captures_parts: fn(&str) -> bool,
    pub payouts: Payouts,
    /// The currency of an account whose settings name none, where the provider's wire names none.
    pub currency: Option<Currency>,
}

/// How a payment can be made at a provider, and what its order needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodRules {
    pub cards: bool,
    pub pix: Option<PixRules>,
    /// The provider has a form for the customer's browser, which confirms the payment.
    pub payment_form: bool,
    /// The provider has a page on which the customer pays.
    pub checkout_page: bool,
    pub card_needs_brand: bool,
    pub needs_payer: bool,
    /// The most instalments of a card; 1 if it offers none.
    pub instalments_max: i64,
    /// A card, or what the customer enters into the form, can be saved for the customer, and charged later while
    /// the customer is absent.
    pub saved_methods: bool,
}

/// What an order of Pix needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixRules {
    /// How long a code can be paid.
    pub seconds_min: u32,
    pub seconds_max: u32,
    /// The payer's name and taxpayer's number.
    pub needs_tax_id: bool,
}

/// One account at a provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    pub wire: WireSettings,
    /// The key or token of its API.
    pub secret_key: Secret,
    /// Two while one is being replaced. Without one, every webhook is refused.
    pub webhook_secrets: Vec<Secret>,
    pub mode: Mode,
    /// How far a delivery's time may differ from ours, in either direction.
    pub webhook_tolerance: Span,
    /// How long a call may be repeated under its key. It is below [`Adapter::keys_kept`] by a margin,
    /// for clock differences and for calls in flight.
    pub key_retention: Span,
    /// The currency of the account, where the provider's wire names none.
    pub currency: Option<Currency>,
    /// Where the provider sends the webhooks of each payment, where a payment can say so; otherwise to
    /// the address in the provider's own settings.
    pub notification_url: Option<String>,
    /// One of [`Adapter::apis`], by which new payments are made. `None`: the first.
    pub api: Option<String>,
    /// For an account at a bank.
    pub pix: Option<pix::PixAccount>,
}

impl Adapter {
    pub fn settings(&self, secret_key: Secret, webhook_secrets: Vec<Secret>, mode: Mode) -> ProviderSettings {
        ProviderSettings {
            wire: WireSettings::new(self.base_url),
            secret_key,
            webhook_secrets,
            mode,
            webhook_tolerance: Span::seconds(300),
            key_retention: Span(self.keys_kept.0 / 24 * 23),
            currency: self.currency,
            notification_url: None,
            api: None,
            pix: None,
        }
    }

    /// The error is a sentence that says what is wrong. It names no secret.
    pub fn check(&self, settings: &ProviderSettings) -> Result<(), String> {
        (self.check_keys)(settings)?;
        if !settings.secret_key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the secret key has an invalid character, perhaps a line break".to_owned());
        }
        if settings.webhook_secrets.len() > WEBHOOK_SECRETS_MAX {
            let most = WEBHOOK_SECRETS_MAX;
            return Err(format!("at most {most} webhook secrets: the new one and the old one"));
        }
        settings.wire.check(settings.mode)?;
        if settings.api.as_deref().is_some_and(|api| !self.apis.contains(&api)) {
            return Err(match self.apis {
                [] => format!("{} has one API, and no setting api", self.name),
                known => format!("api must be one of {}", known.join(", ")),
            });
        }
        match (self.currency, settings.currency) {
            (None, Some(_)) => return Err(format!("{} has no currency of an account", self.name)),
            (Some(_), Some(currency)) if (self.amounts)(currency).is_none() => {
                return Err(format!("{} has no accounts in {currency}", self.name));
            }
            _ => {}
        }
        if settings.webhook_tolerance <= Span(0) || settings.webhook_tolerance > WEBHOOK_TOLERANCE_MAX {
            return Err("webhook_tolerance must be above zero and at most an hour".to_owned());
        }
        if settings.key_retention <= Span(0) || settings.key_retention >= self.keys_kept {
            let hours = self.keys_kept.as_seconds() / 3_600;
            return Err(format!(
                "key_retention must be above zero and below the {hours} hours of {}: a key that it has \
                 forgotten charges again",
                self.name
            ));
        }
        Ok(())
    }
}
