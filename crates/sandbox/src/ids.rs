//! Ids that look like Stripe's, never repeat, and grow in the order of their creation.
//!
//! An id is `prefix_` + the journal's salt (8 characters) + a sequence number (10 characters). The
//! salt separates the ids of two journals at one consumer. Because the number grows, a map ordered
//! by id is ordered by age.

use crate::random::mix;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SALT_SIGNS: usize = 8;
const SEQUENCE_SIGNS: usize = 10;

/// Generates ids; `next` is the first unused number.
#[derive(Clone)]
pub struct IdGenerator {
    pub salt: String,
    pub next: u64,
}

impl IdGenerator {
    pub fn salt(seed: u64) -> String {
        base62(mix(seed), SALT_SIGNS)
    }

    pub fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    pub fn id(&mut self, prefix: &str) -> String {
        let number = self.number();
        name(prefix, &self.salt, number)
    }

    pub fn integer(&mut self) -> String {
        let number = self.number();
        integer(&self.salt, number).to_string()
    }
}

/// The range of the numbers of one journal, for ids that are integers.
const JOURNAL_NUMBERS: u64 = 1_000_000_000;
/// Keeps the integers below 2^53, which every JSON parser reads exactly.
const JOURNALS: u64 = 900_000;

/// An id that is an integer: the journal's salt in its first digits, then the sequence number. All
/// ids of a journal have as many digits, so they grow as texts as well.
pub fn integer(salt: &str, number: u64) -> u64 {
    (100_000 + digest(salt) % JOURNALS) * JOURNAL_NUMBERS + number % JOURNAL_NUMBERS
}

/// A number that is the same for the same text.
pub fn digest(text: &str) -> u64 {
    text.bytes().fold(0_u64, |sum, byte| mix(sum ^ u64::from(byte)))
}

pub fn name(prefix: &str, salt: &str, number: u64) -> String {
    format!("{prefix}_{salt}{}", base62(number, SEQUENCE_SIGNS))
}

/// The number inside an id of this journal; `None` for any other text.
pub fn number(prefix: &str, salt: &str, id: &str) -> Option<u64> {
    let tail = id.strip_prefix(prefix)?.strip_prefix('_')?.strip_prefix(salt)?;
    if tail.len() != SEQUENCE_SIGNS {
        return None;
    }
    tail.bytes().try_fold(0_u64, |sum, sign| {
        let digit = ALPHABET.binary_search(&sign).ok()? as u64;
        sum.checked_mul(62)?.checked_add(digit)
    })
}

/// The part of a client secret after `_secret_`.
pub fn client_secret(id: &str) -> String {
    format!("{id}_secret_{}", base62(mix(digest(id)), SEQUENCE_SIGNS))
}

fn base62(mut value: u64, signs: usize) -> String {
    let mut text = vec![b'0'; signs];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(value % 62) as usize];
        value /= 62;
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_can_be_read_back() {
        let mut mint = IdGenerator { salt: IdGenerator::salt(3), next: 60 };
        let ids: Vec<String> = (0..200).map(|_| mint.id("evt")).collect();
        assert!(ids.is_sorted());
        assert_eq!(number("evt", &mint.salt, &ids[7]), Some(67));
        assert_eq!(number("pi", &mint.salt, &ids[7]), None);
        assert_eq!(number("evt", "zzzzzzzz", &ids[7]), None);
    }

    #[test]
    fn integers_grow_as_texts_and_stay_exact() {
        for salt in ["", "a", "zzzzzzzz", "Xy12abCD"] {
            let mut mint = IdGenerator { salt: salt.to_owned(), next: 8 };
            let ids: Vec<String> = (0..200).map(|_| mint.integer()).collect();
            assert!(ids.is_sorted());
            assert!(ids.iter().all(|id| id.parse::<u64>().unwrap() < 1 << 53), "{salt}");
        }
    }
}
