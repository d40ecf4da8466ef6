//! Where a customer comes back to: a web page, or an app by a scheme of its own (RFC 8252 section 7.1).
//!
//! | scheme | taken |
//! |---|---|
//! | `https`, `http` | with a host, and without a user in front of it |
//! | an app's own: `myapp://done`, `com.example.app:/done` | yes |
//! | one that a browser runs or reads by itself, or that another protocol has | never |

use std::net::Ipv6Addr;

use super::ValidationErrors;
use crate::limits::URL_CHARS_MAX;

/// What stands here is no app's: it runs what follows, reads a file, or speaks another protocol.
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

fn is_return_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else { return false };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let has_host = rest.starts_with("//") && !host.is_empty() && !host.starts_with(':');
    let is_ours = match scheme.to_ascii_lowercase().as_str() {
        "https" | "http" => has_host,
        scheme => {
            is_scheme(scheme) && !SCHEMES_REFUSED.contains(&scheme) && rest.starts_with('/') && rest != "/"
        }
    };
    is_ours && (host.is_empty() || is_host(host)) && [path, query, fragment].into_iter().all(is_encoded)
}

/// RFC 3986 section 3.2, without a user: whoever writes one into an address wants another host to be read
/// than is meant.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(literal) => {
            let Some((address, port)) = literal.split_once(']') else { return false };
            if address.parse::<Ipv6Addr>().is_err() {
                return false;
            }
            ("", port)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = port.strip_prefix(':').map_or(port.is_empty(), is_digits);
    is_port && is_encoded(name) && !name.contains(['@', ':', '/', '?'])
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 3986 section 3.3, with the `/` and the `?` that a query and a fragment may have: anything else is
/// written with a percent sign.
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

/// RFC 3986 section 3.1.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
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
    fn never_what_a_browser_runs_or_reads() {
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
