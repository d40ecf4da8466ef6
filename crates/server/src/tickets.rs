//! The keys that sign tickets. Each installation has its own, as configuration; no row has them.
//!
//! | key | signs | verifies, and is published |
//! |---|---|---|
//! | the first | yes | yes |
//! | the others | no | yes |
//!
//! So a new key is first added behind the old one, on every server, and then moved to the front. An old key
//! stays behind it as long as one of its tickets may be shown.

use std::fmt;

use api::ticket::{SignedTicket, TicketKey};
use providers::Secret;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// Without a key no ticket is signed, and people check in by hand.
#[derive(Default)]
pub struct TicketSigner {
    signing: Option<Ed25519KeyPair>,
    published: Vec<TicketKey>,
}

impl TicketSigner {
    /// Each secret is the seed of a key (RFC 8032 section 5.1.5): 64 hexadecimal digits.
    pub fn of(seeds: &[Secret]) -> Result<TicketSigner, String> {
        let mut pairs = Vec::new();
        for (index, seed) in seeds.iter().enumerate() {
            let pair = hex::decode(seed.expose())
                .ok()
                .and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok())
                .ok_or_else(|| format!("key {}: 64 hexadecimal digits are needed", index + 1))?;
            pairs.push(pair);
        }
        let published: Vec<TicketKey> = pairs.iter().map(public).collect();
        Ok(TicketSigner { signing: pairs.into_iter().next(), published })
    }

    pub fn published(&self) -> &[TicketKey] {
        &self.published
    }

    /// `None` without a key.
    pub fn sign(&self, ticket: &SignedTicket) -> Option<String> {
        let pair = self.signing.as_ref()?;
        let signed = |bytes: &[u8]| {
            let signature = pair.sign(bytes);
            signature.as_ref().try_into().expect("a signature of Ed25519 has 64 bytes")
        };
        Some(ticket.write(&public(pair), signed))
    }
}

fn public(pair: &Ed25519KeyPair) -> TicketKey {
    let public = pair.public_key().as_ref().try_into();
    TicketKey { public: public.expect("a public key of Ed25519 has 32 bytes") }
}

impl fmt::Debug for TicketSigner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TicketSigner").field("published", &self.published).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::{BookingId, BookingItemId, SlotId, TenantId};
    use uuid::Uuid;

    use super::*;

    fn ticket() -> SignedTicket {
        let id = Uuid::nil();
        SignedTicket {
            tenant: TenantId(id),
            booking: BookingId(id),
            item: BookingItemId(id),
            slot: SlotId(id),
            number: 1,
        }
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let seeds = ["1", "2"].map(|digit| Secret::new(digit.repeat(64)));
        let old = TicketSigner::of(&seeds[..1]).unwrap();
        let both = TicketSigner::of(&[seeds[1].clone(), seeds[0].clone()]).unwrap();
        let (by_old, by_new) = (old.sign(&ticket()).unwrap(), both.sign(&ticket()).unwrap());
        assert_ne!(by_old, by_new);
        for text in [&by_old, &by_new] {
            assert_eq!(SignedTicket::verify(text, both.published()), Some(ticket()));
        }
        assert_eq!(SignedTicket::verify(&by_new, old.published()), None);
        assert!(!format!("{both:?}").contains("2222"), "{both:?}");
    }

    #[test]
    fn a_seed_that_is_none_is_refused_without_showing_it() {
        for seed in ["", "hunter2", &"1".repeat(63), &"1".repeat(66), &"g".repeat(64)] {
            let refused = TicketSigner::of(&[Secret::new(seed)]).unwrap_err();
            assert_eq!(refused, "key 1: 64 hexadecimal digits are needed");
        }
        assert_eq!(TicketSigner::of(&[]).unwrap().sign(&ticket()), None);
    }
}
