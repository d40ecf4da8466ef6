//! `[tickets]`.

use serde::Deserialize;
use server::service::Settings;
use server::tickets::TicketSigner;

use super::SecretFile;
use crate::{Failed, failed};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketsFile {
    /// The first signs, all of them verify.
    pub signing_keys: Vec<SecretFile>,
}

impl TicketsFile {
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failed> {
        let keys: Result<Vec<_>, Failed> =
            self.signing_keys.iter().map(|key| key.read("tickets.signing_keys")).collect();
        settings.ticket_keys = keys?;
        TicketSigner::of(&settings.ticket_keys)
            .map(drop)
            .map_err(|why| failed(format!("tickets.signing_keys: {why}")))
    }
}
