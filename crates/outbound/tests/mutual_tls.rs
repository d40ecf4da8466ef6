//! A server that wants to know its client: the client shows its certificate, and one without is refused.

#![cfg(feature = "tls")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use outbound::{ClientIdentity, Error, HttpClient, Settings};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The address of a server that accepts the clients of an authority.
async fn serve(authority: &Authority) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, authority).unwrap();
    let mut clients = RootCertStore::empty();
    clients.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1_024];
            if stream.read(&mut request).await.is_ok() {
                let _gone = stream.write_all(REPLY).await;
            }
        }
    });
    format!("https://localhost:{port}")
}

fn identity(client: &Authority, trusted: &Authority) -> ClientIdentity {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, client).unwrap();
    ClientIdentity {
        certificates_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        authorities_pem: trusted.pem(),
    }
}

async fn call(url: &str, identity: &ClientIdentity) -> Result<u16, Error> {
    let settings = Settings { connect_timeout: Duration::from_secs(10), reply_bytes_max: 100 };
    let client = HttpClient::identified(settings, Some(identity)).unwrap();
    let request = Request::get(url).body(Full::default()).unwrap();
    client.oneshot(request).await.map(|reply| reply.status.as_u16())
}

#[tokio::test]
async fn a_client_shows_its_certificate_and_trusts_its_authority() {
    let (bank, other) = (authority(), authority());
    let url = serve(&bank).await;
    assert_eq!(call(&url, &identity(&bank, &bank)).await, Ok(200));
    // The bank does not know this client.
    assert!(call(&url, &identity(&other, &bank)).await.is_err());
    // The client does not know this bank.
    assert!(matches!(call(&url, &identity(&bank, &other)).await, Err(Error::NotSent(_))));
}

#[test]
fn an_identity_that_cannot_be_used_is_refused_without_its_key() {
    let authority = authority();
    let whole = identity(&authority, &authority);
    assert_eq!(whole.check(), Ok(()));
    let check = |broken: ClientIdentity| {
        let error = broken.check().unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    };
    check(ClientIdentity { certificates_pem: String::new(), ..whole.clone() });
    check(ClientIdentity { key_pem: "hunter2".to_owned(), ..whole.clone() });
    check(ClientIdentity { key_pem: KeyPair::generate().unwrap().serialize_pem(), ..whole.clone() });
    check(ClientIdentity {
        authorities_pem: "-----BEGIN CERTIFICATE-----\nhunter2".to_owned(),
        ..whole.clone()
    });
    assert_eq!(format!("{whole:?}"), "ClientIdentity(hidden)");
}
