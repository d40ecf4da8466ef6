//! Stripe's webhook signature: HMAC-SHA256 over `{t}.{body}` with the bytes of the **whole**
//! secret, including its `whsec_`. See <https://docs.stripe.com/webhooks#verify-manually>.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The `Stripe-Signature` header: one `v1` per secret, so that each of them can verify it during a
/// rotation. `at` is in Unix seconds.
pub fn header(secrets: &[String], at: i64, body: &[u8]) -> String {
    let mut header = format!("t={at}");
    for secret in secrets {
        header.push_str(",v1=");
        header.push_str(&signature(secret, at, body));
    }
    header
}

fn signature(secret: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn signatures_are_those_of_stripe() {
        let body = br#"{"id":"evt_test_webhook","object":"event"}"#;
        let known = "d95c6b7477fbd7e9f90b1b0ef5f9c7ac25abca5382460e0d988c2b2a5b71b990";
        let one = header(&["whsec_test_secret".into()], 1_700_000_000, body);
        assert_eq!(one, format!("t=1700000000,v1={known}"));
        let two = header(&["whsec_other".into(), "whsec_test_secret".into()], 1_700_000_000, body);
        assert!(two.ends_with(&format!(",v1={known}")) && two.matches("v1=").count() == 2, "{two}");
    }
}
