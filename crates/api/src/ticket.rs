//! Tickets: a short text that says which ticket it is, signed, so that a device at the entrance can verify it
//! without a network.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version, 1 |
//! | 4 | the id of the key |
//! | 16 each | tenant, booking, item, slot |
//! | 2 | the number within the item, from 1 |
//! | 64 | the Ed25519 signature (RFC 8032) of all before it |
//!
//! Each byte is two letters of A to P. A QR code has capital letters in a bit more than five bits each, and a
//! text without digits never looks like a card number. Integers are big-endian.
//!
//! What must never be here: a secret key. The server signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{BookingId, BookingItemId, SlotId, TenantId};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};
use uuid::Uuid;

const VERSION: u8 = 1;
const SIGNED_BYTES: usize = 1 + 4 + 4 * 16 + 2;
const SIGNATURE_BYTES: usize = 64;
/// The letters of a ticket.
pub const TICKET_CHARS: usize = 2 * (SIGNED_BYTES + SIGNATURE_BYTES);

/// What a ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedTicket {
    pub tenant: TenantId,
    pub booking: BookingId,
    pub item: BookingItemId,
    pub slot: SlotId,
    pub number: i64,
}

/// A public key that verifies tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketKey {
    pub public: [u8; 32],
}

impl TicketKey {
    /// The first bytes of the key's hash, so that nobody has to name keys.
    pub fn id(&self) -> [u8; 4] {
        let hash = digest(&SHA256, &self.public);
        let mut id = [0; 4];
        id.copy_from_slice(&hash.as_ref()[..4]);
        id
    }

    /// In letters, as the published list has it.
    pub fn name(&self) -> String {
        letters(&self.id())
    }

    /// The member `x` of a JWK (RFC 8037).
    pub fn base64(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.public)
    }

    /// From the member `x` of a JWK.
    pub fn of_base64(x: &str) -> Option<TicketKey> {
        Some(TicketKey { public: URL_SAFE_NO_PAD.decode(x).ok()?.try_into().ok()? })
    }
}

impl SignedTicket {
    /// The text of the ticket. `sign` signs with the secret key that belongs to `key`.
    pub fn write(&self, key: &TicketKey, sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE_BYTES]) -> String {
        let mut bytes = Vec::with_capacity(SIGNED_BYTES + SIGNATURE_BYTES);
        bytes.push(VERSION);
        bytes.extend(key.id());
        for id in [self.tenant.0, self.booking.0, self.item.0, self.slot.0] {
            bytes.extend(id.as_bytes());
        }
        let number = u16::try_from(self.number).expect("an item has at most a thousand tickets");
        bytes.extend(number.to_be_bytes());
        let signature = sign(&bytes);
        bytes.extend(signature);
        letters(&bytes)
    }

    /// The ticket with this text, if one of the keys has signed it. Small letters count as capital ones.
    pub fn verify(text: &str, keys: &[TicketKey]) -> Option<SignedTicket> {
        let bytes = bytes(text.trim())?;
        let (signed, signature) = bytes.split_at_checked(SIGNED_BYTES)?;
        let (version, rest) = signed.split_first()?;
        let (key, rest) = rest.split_at_checked(4)?;
        if *version != VERSION || signature.len() != SIGNATURE_BYTES {
            return None;
        }
        // Two keys with one id are both tried.
        let mut keys = keys.iter().filter(|known| known.id() == key);
        let is_signed =
            keys.any(|key| UnparsedPublicKey::new(&ED25519, key.public).verify(signed, signature).is_ok());
        let (ids, number) = rest.split_at_checked(4 * 16)?;
        let [tenant, booking, item, slot] =
            [0, 1, 2, 3].map(|at| Uuid::from_slice(&ids[16 * at..16 * (at + 1)]));
        let ticket = SignedTicket {
            tenant: TenantId(tenant.ok()?),
            booking: BookingId(booking.ok()?),
            item: BookingItemId(item.ok()?),
            slot: SlotId(slot.ok()?),
            number: u16::from_be_bytes(number.try_into().ok()?).into(),
        };
        is_signed.then_some(ticket)
    }
}

fn letters(bytes: &[u8]) -> String {
    let letter = |nibble: u8| char::from(b'A' + nibble);
    bytes.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() != TICKET_CHARS {
        return None;
    }
    let nibble = |letter: u8| letter.to_ascii_uppercase().checked_sub(b'A').filter(|nibble| *nibble < 16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    fn pair(seed: u8) -> (Ed25519KeyPair, TicketKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = pair.public_key().as_ref().try_into().unwrap();
        (pair, TicketKey { public })
    }

    fn ticket() -> SignedTicket {
        let id = Uuid::from_u128;
        SignedTicket {
            tenant: TenantId(id(1)),
            booking: BookingId(id(2)),
            item: BookingItemId(id(3)),
            slot: SlotId(id(4)),
            number: 1_000,
        }
    }

    fn written(by: &(Ed25519KeyPair, TicketKey)) -> String {
        ticket().write(&by.1, |bytes| by.0.sign(bytes).as_ref().try_into().unwrap())
    }

    #[test]
    fn a_ticket_comes_back_as_it_was_signed() {
        let (old, new) = (pair(1), pair(2));
        let text = written(&old);
        assert_eq!(text.len(), TICKET_CHARS);
        assert!(text.bytes().all(|letter| (b'A'..=b'P').contains(&letter)), "{text}");
        assert!(!crate::card_number::is_in(&text));
        let keys = [new.1.clone(), old.1.clone()];
        for shown in [text.clone(), text.to_lowercase(), format!(" {text}\n")] {
            assert_eq!(SignedTicket::verify(&shown, &keys), Some(ticket()));
        }
        assert_eq!(SignedTicket::verify(&text, &[new.1]), None, "its key is no longer published");
        assert_eq!(TicketKey::of_base64(&old.1.base64()), Some(old.1));
    }

    #[test]
    fn no_letter_of_a_ticket_can_be_another() {
        let by = pair(1);
        let text = written(&by);
        let keys = [by.1];
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let forged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert_eq!(SignedTicket::verify(&forged, &keys), None, "{at}");
        }
        for forged in [
            "",
            "A",
            &text[1..],
            &format!("{text}AA"),
            &"Q".repeat(TICKET_CHARS),
            &"\u{e9}".repeat(TICKET_CHARS / 2),
        ] {
            assert_eq!(SignedTicket::verify(forged, &keys), None, "{forged}");
        }
    }

    #[test]
    fn another_key_with_the_same_id_does_not_sign() {
        let (by, other) = (pair(1), pair(2));
        let forged = ticket().write(&by.1, |bytes| other.0.sign(bytes).as_ref().try_into().unwrap());
        assert_eq!(SignedTicket::verify(&forged, &[by.1, other.1]), None);
    }
}
