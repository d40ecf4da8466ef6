//! The canonical form of an e-mail address, which identifies a customer and limits the customer's
//! held seats.
//!
//! | part | canonical form |
//! |---|---|
//! | the whole | without white space around it, in Unicode's composed form (NFC) |
//! | before the `@` | as given; the comparison of customers ignores its case |
//! | after the `@` | lower case, ASCII, by UTS 46 and Punycode |

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

use crate::limits::EMAIL_BYTES_MAX;
use crate::text::first_invisible;

/// The canonical address, unless it cannot be one. Only a message shows whether the mailbox exists.
pub fn canonical(text: &str) -> Option<String> {
    let text: String = text.trim().nfc().collect();
    let (local, host) = text.split_once('@')?;
    let spaced = local.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if local.is_empty() || spaced || first_invisible(&text).is_some() {
        return None;
    }
    let host = Uts46::new()
        .to_ascii(host.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Verify)
        .ok()?;
    let address = format!("{local}@{host}");
    (host.contains('.') && address.len() <= EMAIL_BYTES_MAX).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_canonical_form() {
        for (text, expected) in [
            ("ana@example.com", "ana@example.com"),
            (" Ana@Example.COM\u{A0}", "Ana@example.com"),
            ("a.b+c@x.co", "a.b+c@x.co"),
            ("jose\u{301}@ex\u{e4}mple.de", "jos\u{e9}@xn--exmple-cua.de"),
            ("bo@B\u{dc}CHER.example", "bo@xn--bcher-kva.example"),
            ("bo@bu\u{308}cher.example", "bo@xn--bcher-kva.example"),
            ("bo@XN--bcher-KVA.example", "bo@xn--bcher-kva.example"),
            ("cy@\u{ff45}xample\u{3002}com", "cy@example.com"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn invalid_addresses_are_refused() {
        let long = format!("{}@x.de", "a".repeat(250));
        for text in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@host",
            "a@b@c.de",
            "a b@c.de",
            "a@c..de",
            "a@.de",
            "a@c.de.",
            "a\n@b.de",
            "a\0@b.de",
            "a@b c.de",
            "a@b_c.de",
            "a@b/c.de",
            "a\u{200B}@b.de",
            "a@b\u{AD}.de",
            "a@xn--\u{e9}.de",
            "a@xn--zzzzzzz99999.de",
            &long,
        ] {
            assert_eq!(canonical(text), None, "{text:?}");
        }
    }
}
