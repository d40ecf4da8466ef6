//! An address that may be called.

use std::fmt;

use url::{Host, Url};

/// An absolute `http` or `https` address without a user, a query or a fragment: what a person
/// configures, and paths are appended to. Its scheme and host are normalised, so what is checked is
/// what is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Says in a few words what is wrong; the address itself may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("is not an absolute address")]
    Malformed,
    #[error("begins with neither http:// nor https://")]
    Scheme,
    #[error("needs TLS, and this build has none; build with the feature `tls`")]
    NoTls,
    #[error("must hold neither a user nor a password")]
    User,
    #[error("must have neither a query nor a fragment")]
    Query,
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Malformed)?;
        match url.scheme() {
            "http" => {}
            "https" if crate::HAS_TLS => {}
            "https" => return Err(AddressError::NoTls),
            _ => return Err(AddressError::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::User);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Query);
        }
        Ok(Address(url))
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// `localhost` counts: resolvers must keep it on loopback (RFC 6761, section 6.3).
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Whether something follows host and port.
    pub fn has_path(&self) -> bool {
        self.0.path() != "/"
    }

    /// Without a slash at its end, so that a path can be appended.
    pub fn base(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.base())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_with_a_reason() {
        let check = |text: &str, expected: Result<&str, AddressError>| {
            let parsed = Address::parse(text);
            assert_eq!(parsed.as_ref().map(Address::base), expected.as_ref().copied(), "{text}");
        };
        check("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080"));
        check("http://surehold.internal/behind/", Ok("http://surehold.internal/behind"));
        check("HTTP://A.example", Ok("http://a.example"));
        check("ftp://127.0.0.1", Err(AddressError::Scheme));
        check("file:///etc/passwd", Err(AddressError::Scheme));
        for text in ["127.0.0.1:8080", "/v1", "", "http://", "http://a b", "http://[::1", "http://a:99999"] {
            check(text, Err(AddressError::Malformed));
        }
        check("http://me@a", Err(AddressError::User));
        check("http://me:secret@a", Err(AddressError::User));
        check("http://a/?b=1", Err(AddressError::Query));
        check("http://a/#b", Err(AddressError::Query));
        let secured = if crate::HAS_TLS { Ok("https://surehold.example") } else { Err(AddressError::NoTls) };
        check("https://surehold.example", secured);
    }

    #[test]
    fn loopback_is_judged_by_what_is_called() {
        let check = |text: &str, expected: bool| {
            assert_eq!(Address::parse(text).unwrap().is_loopback(), expected, "{text}");
        };
        for text in ["http://127.0.0.1", "http://127.8.8.8:1", "http://[::1]:1", "http://LOCALHOST"] {
            check(text, true);
        }
        // Other spellings of an IPv4 address are read as browsers and resolvers read them.
        check("http://0x7f.1", true);
        for text in
            ["http://10.0.0.1", "http://127.0.0.1.example.com", "http://localhost.example", "http://[::2]"]
        {
            check(text, false);
        }
    }
}
