//! An account at a provider, as the file has it.

use std::time::Duration;

use api::card_number;
use domain::rows::{Mode, PayBy};
use domain::time::Span;
use domain::{Currency, TenantId};
use providers::{Adapter, Secret};
use serde::Deserialize;
use server::service::{AccountCredentials, AccountSettings};

use super::{PixFile, SecretFile, set};
use crate::{Failed, failed};

/// What the default leaves for the retry of a call.
const SECOND_TRY: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountFile {
    /// The tenant's id or name.
    pub tenant: String,
    pub provider: String,
    pub name: String,
    pub mode: Mode,
    pub base_url: Option<String>,
    pub secret_key: SecretFile,
    pub webhook_secrets: Vec<SecretFile>,
    pub connect_timeout_ms: Option<u64>,
    pub call_timeout_ms: Option<u64>,
    pub operation_timeout_ms: Option<u64>,
    pub webhook_tolerance_seconds: Option<i64>,
    pub key_retention_seconds: Option<i64>,
    pub currency: Option<Currency>,
    pub notification_url: Option<String>,
    pub api: Option<String>,
    pub currencies: Option<Vec<Currency>>,
    pub methods: Option<Vec<PayBy>>,
    pub pix: Option<PixFile>,
}

impl AccountFile {
    /// The key and the secrets, as their sources have them now.
    pub fn credentials(&self) -> Result<AccountCredentials, Failed> {
        let what = |field: &str| format!("accounts `{}`: {field}", self.name);
        let secrets: Result<Vec<Secret>, Failed> =
            self.webhook_secrets.iter().map(|secret| secret.read(&what("webhook_secrets"))).collect();
        Ok(AccountCredentials {
            provider: self.provider.clone(),
            account: self.name.clone(),
            secret_key: self.secret_key.read(&what("secret_key"))?,
            webhook_secrets: secrets?,
        })
    }

    /// Refuses a choice of currencies or methods that the provider does not take.
    fn check_choice(&self, adapter: &Adapter) -> Result<(), Failed> {
        let refused = |why: String| Err(failed(format!("accounts `{}`: {why}", self.name)));
        for currency in self.currencies.iter().flatten() {
            if (adapter.amounts)(*currency).is_none() {
                return refused(format!("currencies: {} does not take {currency}", adapter.name));
            }
        }
        if self.methods.iter().flatten().any(|method| *method == PayBy::Pix && adapter.methods.pix.is_none())
        {
            return refused(format!("methods: pix is not offered by {}", adapter.name));
        }
        let is_empty = self.currencies.as_ref().is_some_and(Vec::is_empty)
            || self.methods.as_ref().is_some_and(Vec::is_empty);
        if is_empty { refused("currencies and methods are absent, or not empty".to_owned()) } else { Ok(()) }
    }

    /// `find` resolves a tenant's id or name.
    pub fn settings(&self, tenant: TenantId) -> Result<AccountSettings, Failed> {
        // It is part of the webhook's path, and a label of metrics and logs.
        if card_number::is_in(&self.name) {
            return Err(failed("accounts: a name looks like a card number"));
        }
        let what = |field: &str| format!("accounts `{}`: {field}", self.name);
        let adapter = providers::adapter::find(&self.provider).ok_or_else(|| {
            let known: Vec<String> =
                providers::adapter::ADAPTERS.iter().map(|adapter| format!("`{}`", adapter.name)).collect();
            let (what, known) = (what("provider"), known.join(", "));
            failed(format!("{what}: this version knows {known} and not `{}`", self.provider))
        })?;
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= 100
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if !plain(&self.name) {
            return Err(failed(format!("{}: letters, digits, `_` and `-`, 1 to 100 of them", what("name"))));
        }
        let AccountCredentials { secret_key, webhook_secrets, .. } = self.credentials()?;
        let mut settings = adapter.settings(secret_key, webhook_secrets, self.mode);
        set(&mut settings.wire.base_url, self.base_url.clone());
        set(&mut settings.wire.connect_timeout, self.connect_timeout_ms.map(Duration::from_millis));
        set(&mut settings.wire.call_timeout, self.call_timeout_ms.map(Duration::from_millis));
        // A longer call timeout without a longer operation timeout still leaves the default time
        // for a retry.
        settings.wire.operation_timeout =
            settings.wire.operation_timeout.max(settings.wire.call_timeout + SECOND_TRY);
        set(&mut settings.wire.operation_timeout, self.operation_timeout_ms.map(Duration::from_millis));
        set(&mut settings.webhook_tolerance, self.webhook_tolerance_seconds.map(Span::seconds));
        set(&mut settings.key_retention, self.key_retention_seconds.map(Span::seconds));
        settings.currency = self.currency.or(settings.currency);
        settings.notification_url.clone_from(&self.notification_url);
        settings.api.clone_from(&self.api);
        if let Some(pix) = &self.pix {
            pix.apply(&mut settings, &what("pix"))?;
        }
        adapter.check(&settings).map_err(|why| failed(format!("accounts `{}`: {why}", self.name)))?;
        self.check_choice(adapter)?;
        let (currencies, methods) = (self.currencies.clone(), self.methods.clone());
        Ok(AccountSettings {
            currencies,
            methods,
            ..AccountSettings::new(tenant, adapter, &self.name, settings)
        })
    }
}
