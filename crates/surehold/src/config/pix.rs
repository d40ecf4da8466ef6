//! `[accounts.pix]`: what an account at a bank needs beside what every account has.

use std::fs;
use std::path::{Path, PathBuf};

use outbound::ClientIdentity;
use providers::ProviderSettings;
use providers::pix::{PixAccount, PixReceiver};
use serde::Deserialize;

use super::SecretFile;
use crate::{Failed, failed};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixFile {
    pub client_id: String,
    pub key: String,
    pub receiver_name: String,
    pub receiver_city: String,
    pub token_url: Option<String>,
    pub api_path: Option<String>,
    pub certificate_file: Option<PathBuf>,
    pub certificate_key: Option<SecretFile>,
    pub authorities_file: Option<PathBuf>,
}

impl PixFile {
    /// `what` names the account.
    pub fn apply(&self, settings: &mut ProviderSettings, what: &str) -> Result<(), Failed> {
        settings.wire.identity = self.identity(what)?;
        settings.pix = Some(PixAccount {
            client_id: self.client_id.clone(),
            key: self.key.clone(),
            token_url: self.token_url.clone(),
            api_path: self.api_path.clone().unwrap_or_else(|| "/api/v2".to_owned()),
            receiver: PixReceiver { name: self.receiver_name.clone(), city: self.receiver_city.clone() },
        });
        Ok(())
    }

    fn identity(&self, what: &str) -> Result<Option<ClientIdentity>, Failed> {
        let read = |path: &Path| {
            let pem = fs::read_to_string(path);
            pem.map_err(|error| failed(format!("{what}: {} cannot be read: {error}", path.display())))
        };
        let (Some(certificate), Some(key)) = (&self.certificate_file, &self.certificate_key) else {
            if self.certificate_file.is_some() || self.certificate_key.is_some() {
                return Err(failed(format!("{what}: certificate_file and certificate_key belong together")));
            }
            return Ok(None);
        };
        let authorities = self.authorities_file.as_deref().map_or_else(|| Ok(String::new()), read)?;
        Ok(Some(ClientIdentity {
            certificates_pem: read(certificate)?,
            key_pem: key.read(what)?.expose().to_owned(),
            authorities_pem: authorities,
        }))
    }
}
