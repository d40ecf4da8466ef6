//! `[broker]`: the broker that carries messages to their consumers. Without it the relay delivers
//! them itself.

#[cfg(feature = "nats")]
mod adapter;

use std::path::PathBuf;

use serde::Deserialize;

use super::SecretFile;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerFile {
    /// One address, or those of a cluster's servers separated by commas.
    pub nats_url: Option<String>,
    pub user: Option<String>,
    pub password: Option<SecretFile>,
    pub token: Option<SecretFile>,
    pub nkey_seed: Option<SecretFile>,
    /// The content of a credentials file.
    pub credentials: Option<SecretFile>,
    pub authorities_file: Option<PathBuf>,
    pub certificate_file: Option<PathBuf>,
    pub certificate_key_file: Option<PathBuf>,
    pub domain: Option<String>,
    pub stream: Option<String>,
    pub replicas: Option<usize>,
    pub kept_hours: Option<u64>,
    pub kept_mib_max: Option<u64>,
    pub publish_timeout_ms: Option<u64>,
    pub ack_wait_ms: Option<u64>,
    pub deliveries_max: Option<usize>,
}

#[cfg(not(feature = "nats"))]
impl BrokerFile {
    pub fn apply(&self, _: &mut server::service::Settings) -> Result<(), crate::Failed> {
        Err(crate::failed("broker: this build has no NATS; build with --features nats"))
    }
}

#[cfg(all(test, not(feature = "nats")))]
mod tests {
    #[test]
    fn a_build_without_the_feature_refuses_the_section() {
        let file: crate::config::File = toml::from_str("[broker]\nnats_url = 'nats://h'").unwrap();
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let location = store::Location::parse("sqlite:x").unwrap();
        let refused = file.settings(listen, location, server::roles::Roles::ALL).unwrap_err();
        assert!(refused.to_string().contains("build with --features nats"), "{refused}");
    }
}
