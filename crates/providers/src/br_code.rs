//! The text of a Pix code, a BR Code: fields of EMV with an id, a length and a value, which a customer
//! scans as a QR code or pastes into the application of a bank.
//!
//! Central bank, *Manual de Padrões para Iniciação do Pix*; EMV QR Code Specification for Payment
//! Systems, merchant-presented mode. Ids and lengths have two digits each, and a length counts
//! characters. The last field is a CRC-16 over everything before it, including its own id and length.

use std::fmt::Write as _;

/// The longest code: the central bank's limit.
pub const CHARACTERS_MAX: usize = 512;
const NAME_CHARACTERS_MAX: usize = 25;
const CITY_CHARACTERS_MAX: usize = 15;
/// What one field can hold.
const VALUE_CHARACTERS_MAX: usize = 99;
const PIX: &str = "br.gov.bcb.pix";
/// Templates that may hold the receiver's account, EMV section 4.7.
const ACCOUNTS: std::ops::RangeInclusive<u8> = 26..=51;
/// The template of a recurring authorisation in a Pix code.
const RECURRENCE: u8 = 80;
const CHECKSUM: u8 = 63;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the code is longer than 512 characters")]
    TooLong,
    #[error("the code is not a list of fields")]
    NotFields,
    #[error("the code's checksum is not that of its text")]
    WrongChecksum,
    #[error("the code is not one of Pix")]
    NotPix,
    #[error("a value does not fit into its field")]
    ValueDoesNotFit,
}

/// What a code says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrCode {
    /// The receiver's key, in a code that can be paid any number of times.
    pub key: Option<String>,
    /// Where the details of one payment are, without a scheme.
    pub location: Option<String>,
    /// As it is written: digits, a point, and up to two decimals.
    pub amount: Option<String>,
    pub receiver_name: String,
    pub receiver_city: String,
    /// The receiver's reference. `None` if it is written as `***`.
    pub txid: Option<String>,
}

impl BrCode {
    /// The code of one payment whose details are at a location.
    pub fn of_location(location: &str, receiver_name: &str, receiver_city: &str) -> BrCode {
        BrCode {
            location: Some(location.to_owned()),
            receiver_name: receiver_name.to_owned(),
            receiver_city: receiver_city.to_owned(),
            ..BrCode::default()
        }
    }

    pub fn write(&self) -> Result<String, Error> {
        let fits = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
        if !fits(&self.receiver_name, NAME_CHARACTERS_MAX) || !fits(&self.receiver_city, CITY_CHARACTERS_MAX)
        {
            return Err(Error::ValueDoesNotFit);
        }
        let mut account = String::new();
        put(&mut account, 0, PIX)?;
        for (id, value) in [(1, &self.key), (25, &self.location)] {
            if let Some(value) = value {
                put(&mut account, id, value)?;
            }
        }
        let mut reference = String::new();
        put(&mut reference, 5, self.txid.as_deref().unwrap_or("***"))?;
        let mut code = String::new();
        put(&mut code, 0, "01")?;
        // A code of a location is for one payment.
        if self.location.is_some() {
            put(&mut code, 1, "12")?;
        }
        put(&mut code, 26, &account)?;
        put(&mut code, 52, "0000")?;
        put(&mut code, 53, "986")?;
        if let Some(amount) = &self.amount {
            put(&mut code, 54, amount)?;
        }
        put(&mut code, 58, "BR")?;
        put(&mut code, 59, &self.receiver_name)?;
        put(&mut code, 60, &self.receiver_city)?;
        put(&mut code, 62, &reference)?;
        write!(code, "{CHECKSUM}04").expect("writing into a String cannot fail");
        let checksum = crc16(code.as_bytes());
        write!(code, "{checksum:04X}").expect("writing into a String cannot fail");
        if code.chars().count() > CHARACTERS_MAX { Err(Error::TooLong) } else { Ok(code) }
    }

    pub fn parse(code: &str) -> Result<BrCode, Error> {
        if code.chars().count() > CHARACTERS_MAX {
            return Err(Error::TooLong);
        }
        let fields = fields(code)?;
        let Some((CHECKSUM, checksum)) = fields.last() else { return Err(Error::WrongChecksum) };
        let signed = code.strip_suffix(checksum).ok_or(Error::WrongChecksum)?;
        let is_right = u16::from_str_radix(checksum, 16) == Ok(crc16(signed.as_bytes()));
        if checksum.len() != 4 || !is_right {
            return Err(Error::WrongChecksum);
        }
        let mut read = BrCode::default();
        let mut is_pix = false;
        for (id, value) in fields {
            match id {
                54 => read.amount = Some(value.to_owned()),
                59 => value.clone_into(&mut read.receiver_name),
                60 => value.clone_into(&mut read.receiver_city),
                62 => {
                    let txid = self::fields(value)?.into_iter().find(|(id, _)| *id == 5);
                    read.txid = txid.map(|(_, txid)| txid.to_owned()).filter(|txid| txid != "***");
                }
                id if id == RECURRENCE => is_pix |= is_of_pix(&self::fields(value)?),
                id if ACCOUNTS.contains(&id) => {
                    let account = self::fields(value)?;
                    if is_of_pix(&account) {
                        is_pix = true;
                        let of = |wanted: u8| account.iter().find(|(id, _)| *id == wanted);
                        read.key = of(1).map(|(_, key)| (*key).to_owned());
                        read.location = of(25).map(|(_, location)| (*location).to_owned());
                    }
                }
                _ => {}
            }
        }
        if is_pix { Ok(read) } else { Err(Error::NotPix) }
    }
}

/// The name of the arrangement is compared without case.
fn is_of_pix(template: &[(u8, &str)]) -> bool {
    template.first().is_some_and(|(id, name)| *id == 0 && name.eq_ignore_ascii_case(PIX))
}

fn put(out: &mut String, id: u8, value: &str) -> Result<(), Error> {
    let length = value.chars().count();
    if !(1..=VALUE_CHARACTERS_MAX).contains(&length) {
        return Err(Error::ValueDoesNotFit);
    }
    write!(out, "{id:02}{length:02}{value}").expect("writing into a String cannot fail");
    Ok(())
}

fn fields(mut text: &str) -> Result<Vec<(u8, &str)>, Error> {
    let mut found = Vec::new();
    while !text.is_empty() {
        let id = two_digits(text).ok_or(Error::NotFields)?;
        let length = two_digits(&text[2..]).ok_or(Error::NotFields)?;
        let rest = &text[4..];
        let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        let end = ends.nth(usize::from(length)).ok_or(Error::NotFields)?;
        found.push((id, &rest[..end]));
        text = &rest[end..];
    }
    Ok(found)
}

/// The number that a text begins with. The two bytes after it begin a character.
fn two_digits(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    digits.parse().ok()
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, initially 0xFFFF.
fn crc16(bytes: &[u8]) -> u16 {
    let shifted = |sum: u16| if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 };
    bytes.iter().fold(0xFFFF, |sum, byte| (0..8).fold(sum ^ (u16::from(*byte) << 8), |sum, _| shifted(sum)))
}

#[cfg(test)]
mod tests;
