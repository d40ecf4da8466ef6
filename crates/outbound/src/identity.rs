//! What a client shows in TLS, where the server wants to know its client (mutual TLS).

use std::fmt;

/// A client's certificate with its key, as PEM, and the authorities that it trusts beside the system's.
/// `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The client's own certificate first, then those between it and its authority.
    pub certificates_pem: String,
    pub key_pem: String,
    /// Empty if the system's authorities suffice.
    pub authorities_pem: String,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientIdentity(hidden)")
    }
}

impl ClientIdentity {
    /// The error is a sentence that says what is wrong, without the key.
    pub fn check(&self) -> Result<(), String> {
        check(self)
    }
}

#[cfg(not(feature = "tls"))]
fn check(_: &ClientIdentity) -> Result<(), String> {
    Err("a client certificate needs TLS, and this build has none; build with the feature `tls`".to_owned())
}

#[cfg(feature = "tls")]
fn check(identity: &ClientIdentity) -> Result<(), String> {
    tls::config(Some(identity)).map(drop)
}

#[cfg(feature = "tls")]
pub mod tls {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore};

    use super::ClientIdentity;

    /// rustls with ring, and the certificates that the system trusts.
    pub fn config(identity: Option<&ClientIdentity>) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for authority in certificates(identity.map_or("", |identity| &identity.authorities_pem))? {
            roots.add(authority).map_err(|error| format!("an authority cannot be used: {error}"))?;
        }
        if roots.is_empty() {
            return Err(format!("the system trusts no certificate: {usable} can be used"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used: {error}"))?
            .with_root_certificates(roots);
        let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(&identity.certificates_pem)?;
        if chain.is_empty() {
            return Err("the client certificate is not one in PEM".to_owned());
        }
        // The error may quote what it could not read.
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())
            .map_err(|_| "the key of the client certificate is not one in PEM".to_owned())?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("the client certificate cannot be used: {error}"))
    }

    fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
        CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| "a certificate is not one in PEM".to_owned())
    }
}
