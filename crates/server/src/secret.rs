//! The secret of a new API key: random, shown once, stored as its hash.

use domain::rows::Mode;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

/// 32 random bytes after a prefix. The prefix shows people, and programs that search for leaked
/// secrets, what the secret is and its mode.
pub fn new(mode: Mode) -> String {
    let bytes: [u8; 32] = rand::rng().random();
    format!("sh_{}_{}", mode.name(), hex::encode(bytes))
}

/// SHA-256. The secret has 32 random bytes, so no salt is needed.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_its_prefix_shows_its_mode() {
        for (mode, prefix) in [(Mode::Test, "sh_test_"), (Mode::Live, "sh_live_")] {
            let (one, other) = (new(mode), new(mode));
            let digits = one.strip_prefix(prefix).unwrap();
            assert!(digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{one}");
            assert_ne!(one, other);
        }
    }
}
