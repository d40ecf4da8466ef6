//! The accounts of a demo's tenant, one at each provider.

use domain::TenantId;
use domain::rows::Mode;
use providers::pix::{PixAccount, PixReceiver};
use providers::{Secret, adapter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server::service::AccountSettings;
use uuid::Uuid;

use crate::{Failed, failed};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeededAccount {
    pub provider: String,
    pub name: String,
    /// The client's name at a bank; its secret is `secret_key`.
    pub client_id: Option<String>,
    pub secret_key: String,
    pub webhook_secret: String,
}

/// New accounts of this tenant, one at each provider.
pub fn new_accounts(tenant: Uuid) -> Vec<SeededAccount> {
    let id = tenant.simple().to_string();
    let digits = &id[20..];
    // Its accounts are numbers, too short to be taken for the number of a card.
    let number = tenant.as_u128() % 1_000_000_000;
    vec![
        account("stripe", format!("acct_demo_{digits}"), None, "sk_test_", "whsec_"),
        account("mercado_pago", number.to_string(), None, "TEST-", ""),
        account("pix", format!("bank_demo_{digits}"), Some(format!("client_{digits}")), "", ""),
    ]
}

fn account(
    provider: &str,
    name: String,
    client_id: Option<String>,
    key_prefix: &str,
    secret_prefix: &str,
) -> SeededAccount {
    let random = |prefix: &str| format!("{prefix}{}", hex::encode(rand::random::<[u8; 32]>()));
    let (secret_key, webhook_secret) = (random(key_prefix), random(secret_prefix));
    SeededAccount { provider: provider.to_owned(), name, client_id, secret_key, webhook_secret }
}

impl SeededAccount {
    /// As the server is configured with it.
    pub fn settings(&self, tenant: Uuid, sandbox_url: &str) -> Result<AccountSettings, Failed> {
        let adapter = adapter::find(&self.provider)
            .ok_or_else(|| failed(format!("there is no provider `{}`", self.provider)))?;
        let secrets = vec![Secret::new(self.webhook_secret.clone())];
        let mut settings = adapter.settings(Secret::new(self.secret_key.clone()), secrets, Mode::Test);
        sandbox_url.clone_into(&mut settings.wire.base_url);
        settings.pix = self.client_id.clone().map(|client_id| PixAccount {
            client_id,
            key: "pix@harbour-tours.example".to_owned(),
            token_url: None,
            api_path: "/api/v2".to_owned(),
            receiver: PixReceiver { name: "Harbour Tours".to_owned(), city: "RECIFE".to_owned() },
        });
        Ok(AccountSettings::new(TenantId(tenant), adapter, &self.name, settings))
    }

    /// As the sandbox creates it, with the address of its webhooks at the server.
    pub fn at_sandbox(&self, base_url: &str) -> Value {
        let mut url = format!("{base_url}/webhooks/{}/{}", self.provider, self.name);
        let mut secret_key = self.secret_key.clone();
        if let Some(client) = &self.client_id {
            url = format!("{url}?hmac={}", self.webhook_secret);
            secret_key = format!("{client}:{secret_key}");
        }
        json!({
            "id": self.name,
            "provider": self.provider,
            "secret_key": secret_key,
            "webhook": { "url": url, "secrets": [self.webhook_secret] },
        })
    }
}
