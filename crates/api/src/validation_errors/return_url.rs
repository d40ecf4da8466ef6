//! The address where a customer returns: a web page, or an app by its own scheme (RFC 8252 section
//! 7.1).
//!
//! | scheme | accepted |
//! |---|---|
//! | `https`, `http` | with a host, and without a user in front of it |
//! | an app's own: `myapp://done`, `com.example.app:/done` | yes |
//! | one that a browser executes or reads itself, or that belongs to another protocol | never |

use url::{Host, Url};

use super::ValidationErrors;
use crate::limits::URL_CHARS_MAX;

/// These schemes do not belong to apps: they execute their contents, read a file, or use another
/// protocol.
const SCHEMES_REFUSED: [&str; 27] = [
    "about",
    "blob",
    "chrome",
    "content",
    "data",
    "dav",
    "file",
    "filesystem",
    "ftp",
    "ftps",
    "gopher",
    "intent",
    "jar",
    "javascript",
    "ldap",
    "mailto",
    "nfs",
    "resource",
    "sftp",
    "smb",
    "sms",
    "ssh",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

impl ValidationErrors {
    pub fn return_url(&mut self, pointer: &str, url: &str) {
        if url.len() > URL_CHARS_MAX || !is_return_address(url) {
            self.add(pointer, "must be an absolute http or https address, or one of an app's own scheme");
        }
    }
}

/// The library parses an address as browsers do, which tolerate blanks, backslashes and a missing
/// host. Each of these could hide the real address, so they are refused first.
fn is_return_address(url: &str) -> bool {
    let (Ok(address), Some((_, rest))) = (Url::parse(url), url.split_once(':')) else { return false };
    let is_page_or_app = match address.scheme() {
        "https" | "http" => rest.starts_with("//") && !rest.starts_with("///"),
        scheme => !SCHEMES_REFUSED.contains(&scheme) && rest.starts_with('/') && rest != "/",
    };
    // RFC 3986 section 3.2.2: brackets are allowed only here.
    let url = match (address.host(), url.split_once('['), url.split_once(']')) {
        (Some(Host::Ipv6(_)), Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => url.to_owned(),
    };
    let (url, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let has_user = !address.username().is_empty() || address.password().is_some();
    is_page_or_app && !has_user && is_encoded(url) && is_encoded(fragment)
}

/// RFC 3986 section 3.3, with `/` and `?`, which a query and a fragment may contain: all other
/// characters must be percent-encoded.
fn is_encoded(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte);
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if is_plain(*byte) => rest,
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, taken: bool) {
        let mut findings = ValidationErrors::default();
        findings.return_url("/return_url", url);
        assert_eq!(findings.errors().is_empty(), taken, "{url}");
    }

    #[test]
    fn a_page_or_an_app() {
        for url in [
            "https://shop.example/done?x=1",
            "http://localhost:3000/",
            "http://127.0.0.1/done",
            "HTTPS://A.example",
            "myapp://done",
            "MyApp://done?booking=1",
            "com.example.app:/done",
            "com.example.app://oauth/done",
            "my-app+test.2://x",
            "myapp:///done",
            "https://a.example:8443/a/%C3%B6/b;c=1?d=/e?#/f?g",
            "https://a.example#done",
            "https://[::1]:3000/done",
            "https://xn--bcher-kva.example",
        ] {
            check(url, true);
        }
        for url in [
            "",
            "shop.example",
            "/done",
            "://done",
            "1app://done",
            "my_app://done",
            "myapp:",
            "myapp:done",
            "myapp:/",
            "https:",
            "https://",
            "https:/a.example",
            "https:///x",
            "http://:80",
            "https://a b",
            "https://me@evil.example/",
            "https:\\\\evil.example",
            "myapp://a\\b",
            "myapp://d\u{f6}ne",
            "myapp://me@a/done",
            "myapp://a:b",
            "myapp:/{done}",
            "https://a.example/\"",
            "https://a.example/a|b",
            "https://a.example/%zz",
            "https://a.example/%4",
            "https://a.example/#a#b",
            "https://a.example/[1]",
            "https://a.example:80x/",
            "https://[::1/",
            "https://[1]/",
            "https://a^b/",
        ] {
            check(url, false);
        }
        check(&format!("myapp://{}", "a".repeat(2_000)), false);
    }

    #[test]
    fn schemes_that_a_browser_executes_or_reads_are_refused() {
        assert!(SCHEMES_REFUSED.is_sorted());
        for scheme in SCHEMES_REFUSED {
            for url in
                [format!("{scheme}:x"), format!("{scheme}://x"), format!("{}:/x", scheme.to_uppercase())]
            {
                check(&url, false);
            }
        }
        for url in [
            "javascript:alert(1)",
            "JaVaScRiPt://%0aalert(1)",
            "data:text/html,x",
            "data://text/html,x",
            "java\nscript:alert(1)",
            " javascript:alert(1)",
            "file:///etc/passwd",
            "blob:https://a.example/x",
        ] {
            check(url, false);
        }
    }
}
