//! `[redis]`: the cache in front of the database.

#[cfg(feature = "redis")]
mod adapter;

use serde::Deserialize;

use super::SecretFile;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisFile {
    pub url: Option<SecretFile>,
    pub timeout_ms: Option<u64>,
    pub lease_ms: Option<u64>,
    pub reply_ttl_seconds: Option<u64>,
    pub reply_bytes_max: Option<usize>,
    pub epoch: Option<String>,
}

#[cfg(not(feature = "redis"))]
impl RedisFile {
    pub fn apply(&self, _: &mut server::service::Settings) -> Result<(), crate::Failed> {
        Err(crate::failed("this build has no Redis; build with --features redis"))
    }
}

#[cfg(all(test, not(feature = "redis")))]
mod tests {
    #[test]
    fn a_build_without_the_feature_refuses_the_section() {
        let file: crate::config::File = toml::from_str("[redis]\nurl = 'redis://h'").unwrap();
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let location = store::Location::parse("sqlite:x").unwrap();
        let refused = file.settings(listen, location, server::roles::Roles::ALL).unwrap_err();
        assert!(refused.to_string().contains("build with --features redis"), "{refused}");
    }
}
