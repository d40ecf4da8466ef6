//! The caller's key: `Authorization`, in both of Stripe's forms
//! (<https://docs.stripe.com/api/authentication>), bearer and HTTP basic with the key as the user.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The secret key, if the header has one.
pub fn secret_key(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    let credentials = credentials.trim();
    let key = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => credentials.to_owned(),
        "basic" => {
            let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
            decoded.split_once(':')?.0.to_owned()
        }
        _ => return None,
    };
    (!key.is_empty()).then_some(key)
}

/// The token, if the header has one as a bearer token.
pub fn bearer(header: &str) -> Option<String> {
    let is_bearer = header.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    secret_key(header).filter(|_| is_bearer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_and_basic_give_the_key() {
        let check = |header: &str, expected: Option<&str>| {
            assert_eq!(secret_key(header).as_deref(), expected, "{header}");
        };
        check("Bearer sk_test_1", Some("sk_test_1"));
        check("bearer  sk_test_1 ", Some("sk_test_1"));
        check(&format!("Basic {}", STANDARD.encode("sk_test_1:")), Some("sk_test_1"));
        check(&format!("basic {}", STANDARD.encode("sk_test_1:ignored")), Some("sk_test_1"));
        check(&format!("Basic {}", STANDARD.encode("sk_test_1")), None);
        check(&format!("Basic {}", STANDARD.encode(":")), None);
        check("Basic no base64", None);
        check("Digest sk_test_1", None);
        check("sk_test_1", None);
        assert_eq!(bearer("Bearer APP_USR-1").as_deref(), Some("APP_USR-1"));
        assert_eq!(bearer(&format!("Basic {}", STANDARD.encode("APP_USR-1:"))), None);
    }
}
