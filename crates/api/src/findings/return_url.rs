//! Where a customer comes back to: a web page, or an app by a scheme of its own (RFC 8252 section 7.1).
//!
//! | scheme | taken |
//! |---|---|
//! | `https`, `http` | with a host, and without a user in front of it |
//! | an app's own: `myapp://done`, `com.example.app:/done` | yes |
//! | one that a browser runs or reads by itself, or that another protocol has | never |

use super::Findings;
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

impl Findings {
    pub fn return_url(&mut self, pointer: &str, url: &str) {
        let visible = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !visible || url.len() > URL_CHARS_MAX || !is_return_address(url) {
            self.add(pointer, "must be an absolute http or https address, or one of an app's own scheme");
        }
    }
}

fn is_return_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else { return false };
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "http" => rest.strip_prefix("//").is_some_and(|rest| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            // Whoever writes a user into an address wants another host to be read than is meant.
            !host.is_empty() && !host.starts_with(':') && !host.contains('@')
        }),
        scheme => {
            is_scheme(scheme) && !SCHEMES_REFUSED.contains(&scheme) && rest.starts_with('/') && rest != "/"
        }
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
        let mut findings = Findings::default();
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
