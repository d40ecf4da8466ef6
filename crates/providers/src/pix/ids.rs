//! The ids that we choose, which are our references: the `txid` of a charge, and the `id` of a return.
//!
//! Both are made of our own ids, so every driver of an attempt makes the same one, before or after a
//! crash. The prefix distinguishes them from the ids that others on the same account choose.

use domain::{PaymentId, RefundId};
use uuid::Uuid;

const PREFIX: &str = "sh";
/// Hexadecimal digits of a UUID.
const DIGITS: usize = 32;
const END_TO_END_ID_CHARACTERS: usize = 32;
const RETURN_ID_CHARACTERS_MAX: usize = 35;

/// 34 characters; the API permits 26 to 35.
pub fn txid(payment: PaymentId) -> String {
    format!("{PREFIX}{}", payment.0.simple())
}

/// The payment of a charge that we made.
pub fn payment(txid: &str) -> Option<PaymentId> {
    ours(txid).map(PaymentId)
}

/// 34 characters; the API permits up to 35.
pub fn return_id(refund: RefundId) -> String {
    format!("{PREFIX}{}", refund.0.simple())
}

/// The refund of a return that we made.
pub fn refund(return_id: &str) -> Option<RefundId> {
    ours(return_id).map(RefundId)
}

fn ours(id: &str) -> Option<Uuid> {
    let digits = id.strip_prefix(PREFIX).filter(|digits| digits.len() == DIGITS)?;
    digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then(|| digits.parse().ok())?
}

/// An id of the other side: it may become a part of a path.
pub fn is_end_to_end_id(text: &str) -> bool {
    text.len() == END_TO_END_ID_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A return with the Pix that it returns, in one text: a return's own id is unique within its Pix only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnOfPix<'a> {
    pub end_to_end_id: &'a str,
    pub id: &'a str,
}

impl<'a> ReturnOfPix<'a> {
    pub fn object(self) -> String {
        format!("{}-{}", self.end_to_end_id, self.id)
    }

    pub fn parse(object: &'a str) -> Option<ReturnOfPix<'a>> {
        let (end_to_end_id, id) = object.split_once('-')?;
        let is_id = (1..=RETURN_ID_CHARACTERS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_end_to_end_id(end_to_end_id) && is_id).then_some(ReturnOfPix { end_to_end_id, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_ids_are_ours() {
        let id = Uuid::from_u128(0x0192_3456_789a_7bcd_8ef0_1234_5678_9abc);
        let written = txid(PaymentId(id));
        assert_eq!(written, "sh01923456789a7bcd8ef0123456789abc");
        assert!((26..=35).contains(&written.len()));
        assert_eq!(payment(&written), Some(PaymentId(id)));
        assert_eq!(refund(&return_id(RefundId(id))), Some(RefundId(id)));
        for other in [
            "01923456789a7bcd8ef0123456789abc",
            "sh01923456789A7bcd8ef0123456789abc",
            "sh01923456789a7bcd8ef0123456789ab",
            "sh01923456-789a-7bcd-8ef0-123456789abc",
            "sh",
            "",
        ] {
            assert_eq!(payment(other), None, "{other}");
        }
    }

    #[test]
    fn a_return_is_named_with_its_pix() {
        let end_to_end_id = "E1234567820200909100012345678901x".get(..32).unwrap();
        let named = ReturnOfPix { end_to_end_id, id: "a1" };
        assert_eq!(ReturnOfPix::parse(&named.object()), Some(named));
        let check = |object: &str| assert_eq!(ReturnOfPix::parse(object), None, "{object}");
        check("");
        check(end_to_end_id);
        check(&format!("{end_to_end_id}-"));
        check(&format!("{end_to_end_id}-../x"));
        check(&format!("{end_to_end_id}-{}", "x".repeat(36)));
        check("E1-a1");
    }
}
