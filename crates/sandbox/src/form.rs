//! Parses `application/x-www-form-urlencoded`, as Stripe's SDKs write it, into flat pairs of
//! decoded text.

use sha2::{Digest, Sha256};

/// More pairs than any real call has; a body of 64 KiB could otherwise have thirty thousand.
const PAIRS_MAX: usize = 1_000;

/// Name with its brackets (`metadata[order_id]`) and value, in the order of arrival.
pub type FormPairs = Vec<(String, String)>;

pub fn decode(text: &[u8]) -> Result<FormPairs, &'static str> {
    let mut pairs = FormPairs::new();
    for piece in text.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == PAIRS_MAX {
            return Err("Too many parameters.");
        }
        let cut = piece.iter().position(|byte| *byte == b'=');
        let (name, value) = cut.map_or((piece, &piece[..0]), |at| (&piece[..at], &piece[at + 1..]));
        pairs.push((unescape(name)?, unescape(value)?));
    }
    Ok(pairs)
}

fn unescape(text: &[u8]) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2).ok_or("Invalid percent-encoding.")?;
                let digit = |sign: u8| char::from(sign).to_digit(16).ok_or("Invalid percent-encoding.");
                bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
                rest = &tail[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "Invalid UTF-8 in a parameter.")
}

/// Equal for two calls exactly when Stripe treats one as a repetition of the other: the same
/// method, path and parameters in any order.
pub fn fingerprint(method: &str, path: &str, pairs: &FormPairs) -> String {
    let mut sorted: Vec<_> = pairs.iter().collect();
    sorted.sort();
    let mut hash = Sha256::new();
    for part in [method, path].into_iter().chain(sorted.iter().flat_map(|(name, value)| [&name[..], value])) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_sdks_is_decoded() {
        let check = |text: &str, expected: Option<&[(&str, &str)]>| {
            let found = decode(text.as_bytes()).ok();
            let expected = expected.map(|pairs| {
                pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<FormPairs>()
            });
            assert_eq!(found, expected, "{text}");
        };
        check("", Some(&[]));
        check("a=1&b=x+y%20z", Some(&[("a", "1"), ("b", "x y z")]));
        check("metadata[k%5D]=%C3%A9&c", Some(&[("metadata[k]]", "é"), ("c", "")]));
        check("a=%4", None);
        check("a=%zz", None);
        check("a=%ff", None);
        check(&"a=1&".repeat(PAIRS_MAX + 1), None);
    }

    #[test]
    fn a_fingerprint_ignores_order_and_nothing_else() {
        let of = |path: &str, text: &str| fingerprint("POST", path, &decode(text.as_bytes()).unwrap());
        assert_eq!(of("/a", "x=1&y=2"), of("/a", "y=2&x=1"));
        assert_ne!(of("/a", "x=1&y=2"), of("/a", "x=1&y=3"));
        assert_ne!(of("/a", "x=1"), of("/b", "x=1"));
        assert_ne!(of("/a", "x=12&y="), of("/a", "x=1&y=2"));
    }
}
