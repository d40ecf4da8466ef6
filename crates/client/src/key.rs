//! The idempotency key: the name of one operation, the same for all its attempts.

use std::fmt;
use std::str::FromStr;

use api::limits::IDEMPOTENCY_KEY_CHARS_MAX;
use serde::{Deserialize, Serialize};

/// 1 to 255 visible ASCII characters. A request that is sent twice under one key is done once.
///
/// Store it durably before the operation is sent. Then a later run of the program can send the same
/// operation again after a crash.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(String);

/// A text that is not a valid idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters, not {0:?}")]
pub struct InvalidKey(String);

impl IdempotencyKey {
    pub fn new(text: impl Into<String>) -> Result<IdempotencyKey, InvalidKey> {
        let text = text.into();
        let fits = (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&text.len());
        // RFC 9651 would parse a key that begins with a quote as a quoted string, and so as another
        // key.
        if fits && !text.starts_with('"') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(IdempotencyKey(text))
        } else {
            Err(InvalidKey(text))
        }
    }

    /// A new key: a random UUID, so that no two operations of any process share it.
    pub fn mint() -> IdempotencyKey {
        IdempotencyKey(uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<IdempotencyKey, InvalidKey> {
        IdempotencyKey::new(text)
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidKey;
    fn try_from(text: String) -> Result<IdempotencyKey, InvalidKey> {
        IdempotencyKey::new(text)
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> String {
        key.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_within_its_limit() {
        let long = "k".repeat(IDEMPOTENCY_KEY_CHARS_MAX);
        let too_long = "k".repeat(IDEMPOTENCY_KEY_CHARS_MAX + 1);
        let check = |text: &str, fine: bool| assert_eq!(IdempotencyKey::new(text).is_ok(), fine, "{text}");
        check("order-17", true);
        check("a\"b", true);
        check(&long, true);
        check(&too_long, false);
        for refused in ["", " ", "a b", "a\nb", "ключ", "\"order-17\"", "\""] {
            check(refused, false);
        }
    }

    #[test]
    fn new_keys_are_valid_and_differ() {
        let (one, two) = (IdempotencyKey::mint(), IdempotencyKey::mint());
        assert_ne!(one, two);
        assert_eq!(IdempotencyKey::new(one.as_str()), Ok(one.clone()));
        assert_eq!(uuid::Uuid::parse_str(one.as_str()).unwrap().get_version_num(), 4);
    }

    #[test]
    fn a_stored_key_can_be_read_back() {
        let key = IdempotencyKey::new("order-17").unwrap();
        let kept = serde_json::to_string(&key).unwrap();
        assert_eq!(kept, r#""order-17""#);
        assert_eq!(serde_json::from_str::<IdempotencyKey>(&kept).unwrap(), key);
        assert!(serde_json::from_str::<IdempotencyKey>(r#""""#).is_err());
    }
}
