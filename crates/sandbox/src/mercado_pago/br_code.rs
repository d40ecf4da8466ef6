//! The text of a Pix QR code, which a payer can copy into the app of a bank: a BR Code, an EMV
//! payload of fields with an id, a length and a value. The last field is a checksum.

/// The receiver that every payment of the sandbox names.
const NAME: &str = "SANDBOX";
const CITY: &str = "SAO PAULO";

/// `location` is where a bank would read the details of the payment, without its scheme.
pub fn dynamic(location: &str) -> String {
    let account = field("00", "br.gov.bcb.pix") + &field("25", location);
    let payload = [
        field("00", "01"),
        // 12 is a code for one payment.
        field("01", "12"),
        field("26", &account),
        field("52", "0000"),
        field("53", "986"),
        field("58", "BR"),
        field("59", NAME),
        field("60", CITY),
        field("62", &field("05", "***")),
        "6304".to_owned(),
    ]
    .concat();
    let checksum = crc16(payload.as_bytes());
    format!("{payload}{checksum:04X}")
}

fn field(id: &str, value: &str) -> String {
    format!("{id}{:02}{value}", value.len())
}

/// CRC-16/CCITT-FALSE.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |sum, byte| {
        (0..8).fold(sum ^ (u16::from(*byte) << 8), |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_ends_with_its_checksum() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
        let code = dynamic("pix.example.com/1");
        assert!(code.starts_with("00020101021226390014br.gov.bcb.pix2517pix.example.com/1"), "{code}");
        let (before, checksum) = code.split_at(code.len() - 4);
        assert!(before.ends_with("6304"), "{code}");
        assert_eq!(format!("{:04X}", crc16(before.as_bytes())), checksum);
    }
}
