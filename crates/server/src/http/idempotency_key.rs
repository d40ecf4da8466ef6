//! The `Idempotency-Key` header: bare, or a string of RFC 9651 in quotes.

use std::borrow::Cow;

use api::Code;
use api::limits::IDEMPOTENCY_KEY_CHARS_MAX;
use http::HeaderMap;

pub const HEADER: &str = "idempotency-key";

/// The key, if there is one. Two headers are refused, because they are two keys.
pub fn of(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Code> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Code::IdempotencyKeyMalformed);
    }
    let text = value.to_str().map_err(|_| Code::IdempotencyKeyMalformed)?.trim_matches([' ', '\t']);
    let key = if text.starts_with('"') { unquoted(text) } else { Some(Cow::Borrowed(text)) };
    key.filter(|key| is_key(key)).map(Some).ok_or(Code::IdempotencyKeyMalformed)
}

fn is_key(key: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// RFC 9651 section 4.2.5: a backslash stands before a quote or a backslash, and nowhere else.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains(['"', '\\']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut key = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => key.push(letters.next().filter(|next| matches!(next, '"' | '\\'))?),
            '"' => return None,
            letter => key.push(letter),
        }
    }
    Some(Cow::Owned(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&[u8]]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, http::HeaderValue::from_bytes(value).unwrap());
        }
        of(&headers).map(|key| key.map(Cow::into_owned))
    }

    #[test]
    fn a_key_is_bare_or_in_quotes() {
        let long = "k".repeat(255);
        for (value, expected) in [
            ("abc", "abc"),
            (" abc ", "abc"),
            ("\"abc\"", "abc"),
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("a\"b", "a\"b"),
            (&long, &long),
        ] {
            assert_eq!(key(&[value.as_bytes()]), Ok(Some(expected.to_owned())), "{value}");
        }
        assert_eq!(key(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_key() {
        let long = "k".repeat(256);
        for value in ["", "\"\"", "a b", "\"a b\"", "\"abc", "\"a\"b\"", r#""a\b""#, "\"a\";p=1", &long, "é"]
        {
            assert_eq!(key(&[value.as_bytes()]), Err(Code::IdempotencyKeyMalformed), "{value}");
        }
        assert_eq!(key(&[b"a\xff"]), Err(Code::IdempotencyKeyMalformed));
        assert_eq!(key(&[b"a", b"a"]), Err(Code::IdempotencyKeyMalformed), "two headers");
    }
}
