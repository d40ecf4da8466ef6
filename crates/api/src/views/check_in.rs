//! What the entrance sees: tickets, check-ins, and the manifest of a slot.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Customer, Metadata};
use crate::ticket::TicketKey;
use crate::{qr_svg, time};

/// The use of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckIn {
    pub id: Uuid,
    pub booking_id: Uuid,
    pub item_id: Uuid,
    /// The number of the ticket within its item.
    pub number: i64,
    pub slot_id: Uuid,
    /// The earliest scan, by the clock of the device.
    pub scanned_at: jiff::Timestamp,
    /// When that scan arrived.
    pub recorded_at: jiff::Timestamp,
    /// Who scanned it, as the request had it.
    #[serde(default)]
    pub who: Option<String>,
    /// When a person took it back. `null`: it is in force.
    #[serde(default)]
    pub undone_at: Option<jiff::Timestamp>,
    #[serde(default)]
    pub undone_by: Option<String>,
    #[serde(default)]
    pub undone_why: Option<String>,
}

/// A ticket that was scanned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScannedTicket {
    /// The ticket had been used. `check_in` says when and by whom.
    pub already_checked_in: bool,
    pub check_in: CheckIn,
}

/// A ticket of a confirmed booking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookingTicket {
    pub item_id: Uuid,
    /// From 1 to the quantity of the item.
    pub number: i64,
    pub slot_id: Uuid,
    /// The name of the unit.
    #[schema(example = "Adult")]
    pub name: String,
    /// What the QR code says. It is signed.
    pub ticket: String,
    /// The QR code, as SVG.
    pub qr_svg: String,
    /// `null`: it was never used.
    #[serde(default)]
    pub check_in: Option<CheckIn>,
}

/// A booking of a slot, as the entrance needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ManifestEntry {
    pub booking_id: Uuid,
    /// `confirmed`, `completed` or `no_show`.
    #[schema(example = "confirmed")]
    pub state: String,
    pub customer: Customer,
    /// The booking's notes.
    pub metadata: Metadata,
    /// Its sold items for this slot.
    pub items: Vec<ManifestItem>,
    /// All tickets of these items.
    pub tickets: i64,
    /// How many of them are checked in.
    pub checked_in: i64,
}

/// The tickets of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ManifestItem {
    pub item_id: Uuid,
    pub unit_id: Uuid,
    #[schema(example = "Adult")]
    pub name: String,
    /// How many tickets there are.
    pub quantity: i64,
    pub seats: i64,
    pub checked_in: i64,
    /// The numbers of the tickets that are checked in.
    pub checked_in_numbers: Vec<i64>,
}

/// The keys that verify tickets, as a JWK set (RFC 7517).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketKeys {
    pub keys: Vec<PublicKey>,
}

/// A key for Ed25519, as RFC 8037 has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    #[schema(example = "OKP")]
    pub kty: String,
    #[schema(example = "Ed25519")]
    pub crv: String,
    /// The eight letters that tickets of this key have after the first two.
    pub kid: String,
    pub x: String,
}

impl CheckIn {
    pub fn of(row: &rows::CheckIn) -> CheckIn {
        CheckIn {
            id: row.id.0,
            booking_id: row.booking.0,
            item_id: row.item.0,
            number: row.number,
            slot_id: row.slot.0,
            scanned_at: time::instant(row.scanned_at),
            recorded_at: time::instant(row.recorded_at),
            who: row.who.clone(),
            undone_at: row.undone_at.map(time::instant),
            undone_by: row.undone_by.clone(),
            undone_why: row.undone_why.clone(),
        }
    }
}

impl BookingTicket {
    pub fn of(
        item: &rows::BookingItem,
        number: i64,
        text: String,
        check_in: Option<&rows::CheckIn>,
    ) -> BookingTicket {
        BookingTicket {
            item_id: item.id.0,
            number,
            slot_id: item.slot.0,
            name: item.name.clone(),
            qr_svg: qr_svg::svg(&text).expect("a ticket has one length, which a code has room for"),
            ticket: text,
            check_in: check_in.map(CheckIn::of),
        }
    }
}

impl ManifestEntry {
    /// The sold items of one slot, and the check-ins of the booking.
    pub fn of(
        booking: &rows::Booking,
        items: &[&rows::BookingItem],
        check_ins: &[rows::CheckIn],
    ) -> ManifestEntry {
        use domain::lifecycle::State as _;
        let item = |item: &&rows::BookingItem| ManifestItem {
            item_id: item.id.0,
            unit_id: item.unit.0,
            name: item.name.clone(),
            quantity: item.quantity,
            seats: item.seats,
            checked_in: item.checked_in,
            checked_in_numbers: check_ins
                .iter()
                .filter(|row| row.item == item.id && row.is_in_force())
                .map(|row| row.number)
                .collect(),
        };
        ManifestEntry {
            booking_id: booking.id.0,
            state: booking.state.name().to_owned(),
            customer: Customer {
                name: booking.customer_name.clone(),
                email: booking.customer_email.clone(),
                phone: booking.customer_phone.clone(),
            },
            metadata: booking.metadata.0.clone(),
            items: items.iter().map(item).collect(),
            tickets: items.iter().map(|item| item.quantity).sum(),
            checked_in: items.iter().map(|item| item.checked_in).sum(),
        }
    }
}

impl TicketKeys {
    pub fn of(keys: &[TicketKey]) -> TicketKeys {
        let key = |key: &TicketKey| PublicKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: key.name(),
            x: key.base64(),
        };
        TicketKeys { keys: keys.iter().map(key).collect() }
    }

    /// The keys that [`crate::ticket::SignedTicket::verify`] takes.
    pub fn verifying(&self) -> Vec<TicketKey> {
        self.keys.iter().filter_map(|key| TicketKey::of_base64(&key.x)).collect()
    }
}
