//! A booking: seats of slots for a customer, and the state of its payment.

use domain::lifecycle::State as _;
use domain::reply::{BookingReply, ItemReply};
use domain::rows;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{HistoryEntry, Metadata, Payment, Tax};
use crate::{Money, time};

/// Seats of a slot, held for a customer and then paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Booking {
    pub id: Uuid,
    /// `held`, `expired`, `confirmed`, `completed`, `no_show` or `cancelled`.
    #[schema(example = "held")]
    pub state: String,
    /// `free`, `unpaid`, `pending`, `authorized`, `paid`, `partially_refunded` or `refunded`.
    /// Follows what the provider confirmed, never a client's claim.
    #[schema(example = "unpaid")]
    pub payment_status: String,
    /// The price of its items, less the credit of cancelled ones.
    pub total: Money,
    /// The taxes in the total.
    #[serde(default)]
    pub taxes: Vec<Tax>,
    /// What is still to be paid.
    pub due: Money,
    pub authorized: Money,
    pub paid: Money,
    pub refunded: Money,
    /// An unpaid booking keeps its seats until then. Never later than the start of its first slot.
    pub hold_expires_at: jiff::Timestamp,
    pub items: Vec<BookingItem>,
    /// The seats of all items together, whether or not the items still have them.
    pub seats: i64,
    pub customer: Customer,
    pub metadata: Metadata,
    /// The payment in progress, during which a second one is refused.
    #[serde(default)]
    pub open_payment_id: Option<Uuid>,
    #[serde(default)]
    pub confirmed_at: Option<jiff::Timestamp>,
    /// When it was cancelled, expired or completed.
    #[serde(default)]
    pub ended_at: Option<jiff::Timestamp>,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

/// The slot of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookingSlot {
    pub id: Uuid,
    pub starts_at: jiff::Timestamp,
    /// The local time of the place, without offset.
    #[schema(value_type = String, example = "2026-07-01T11:00:00")]
    pub local_starts_at: DateTime,
    /// IANA zone of the place.
    #[schema(example = "Europe/Lisbon")]
    pub time_zone: String,
}

/// A quantity of one unit for one slot, at its price at the time of the reservation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookingItem {
    pub id: Uuid,
    pub slot: BookingSlot,
    pub product_id: Uuid,
    pub unit_id: Uuid,
    pub name: String,
    pub quantity: i64,
    /// The seats of all its units together.
    pub seats: i64,
    /// The price of one unit, with all taxes.
    pub price: Money,
    /// The taxes of all its units together. Of cancelled tickets: the taxes in what was kept of their price.
    #[serde(default)]
    pub taxes: Vec<Tax>,
    /// `held`, `sold`, `released` (given back before it was sold) or `returned` (given back after it was).
    #[schema(example = "held")]
    pub state: String,
    /// What was kept of the price of cancelled tickets. `null`: they were not cancelled under a policy.
    #[serde(default)]
    pub penalty: Option<Money>,
}

/// The customer of a booking. The address is in its canonical form, which identifies a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Customer {
    pub name: String,
    pub email: String,
    #[serde(default)]
    pub phone: Option<String>,
}

/// A booking with its payments and its history, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookingDetail {
    #[serde(flatten)]
    pub booking: Booking,
    /// Only for a key that also has the scope `payments`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<Vec<Payment>>,
    /// The first page of its history.
    pub timeline: Vec<HistoryEntry>,
    /// The `cursor` for the rest of the booking's history; null if there is none.
    #[serde(default)]
    pub timeline_next_cursor: Option<String>,
}

impl Booking {
    pub fn of(reply: &BookingReply) -> Booking {
        let booking = &reply.booking;
        let money = |minor| Money::new(minor, booking.currency);
        Booking {
            id: booking.id.0,
            state: booking.state.name().to_owned(),
            payment_status: payment_status(booking).to_owned(),
            total: money(booking.total_minor),
            taxes: Tax::of_all(&taxes(reply), 1, booking.currency),
            due: money(booking.due_minor()),
            authorized: money(booking.authorized_minor),
            paid: money(booking.paid_minor),
            refunded: money(booking.refunded_minor),
            hold_expires_at: time::instant(booking.hold_expires_at),
            items: reply.items.iter().map(|shown| item(shown, booking)).collect(),
            seats: reply.seats(),
            customer: Customer {
                name: booking.customer_name.clone(),
                email: booking.customer_email.clone(),
                phone: booking.customer_phone.clone(),
            },
            metadata: booking.metadata.0.clone(),
            open_payment_id: booking.open_payment.map(|payment| payment.0),
            confirmed_at: booking.confirmed_at.map(time::instant),
            ended_at: booking.ended_at.map(time::instant),
            created_at: time::instant(booking.created_at),
            updated_at: time::instant(booking.updated_at),
        }
    }
}

/// The taxes of all items.
fn taxes(reply: &BookingReply) -> Vec<domain::tax::Tax> {
    let of_items: Vec<_> =
        reply.items.iter().map(|shown| (shown.item.taxes_of_one(), shown.item.quantity)).collect();
    domain::tax::total(
        of_items.iter().flat_map(|(taxes, tickets)| taxes.iter().map(move |tax| (tax, *tickets))),
    )
}

fn item(shown: &ItemReply, booking: &rows::Booking) -> BookingItem {
    let ItemReply { item, slot, time_zone } = shown;
    BookingItem {
        id: item.id.0,
        slot: BookingSlot {
            id: slot.id.0,
            starts_at: time::instant(slot.starts_at),
            local_starts_at: time::local(slot.starts_at, time_zone),
            time_zone: time_zone.clone(),
        },
        product_id: item.product.0,
        unit_id: item.unit.0,
        name: item.name.clone(),
        quantity: item.quantity,
        seats: item.seats,
        price: Money::new(item.price_minor, booking.currency),
        taxes: Tax::of_all(&item.taxes_of_one(), item.quantity, booking.currency),
        state: item.state.name().to_owned(),
        penalty: item.penalty_minor().map(|minor| Money::new(minor, booking.currency)),
    }
}

/// Every value of [`payment_status`].
pub const PAYMENT_STATUSES: [&str; 7] =
    ["free", "unpaid", "pending", "authorized", "paid", "partially_refunded", "refunded"];

/// The state of a booking's money as one value. A partly paid booking is `unpaid` until the rest is
/// paid: `due` shows how much that is. A booking that was settled by a smaller capture is `paid`.
fn payment_status(booking: &rows::Booking) -> &'static str {
    let rows::Booking { total_minor, paid_minor, refunded_minor, authorized_minor, .. } = *booking;
    if refunded_minor > 0 && refunded_minor >= paid_minor {
        "refunded"
    } else if refunded_minor > 0 {
        "partially_refunded"
    } else if total_minor == 0 {
        "free"
    } else if booking.due_minor() == 0 {
        "paid"
    } else if authorized_minor > 0 {
        "authorized"
    } else if booking.open_payment.is_some() {
        "pending"
    } else {
        "unpaid"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn payment_status_has_one_value() {
        let check = |total, paid, refunded, authorized, open, expected: &str| {
            let mut booking = samples::booking().booking;
            booking.settled_minor = paid;
            (booking.total_minor, booking.paid_minor) = (total, paid);
            (booking.refunded_minor, booking.authorized_minor) = (refunded, authorized);
            booking.open_payment = open;
            assert_eq!(payment_status(&booking), expected);
            assert!(PAYMENT_STATUSES.contains(&expected));
        };
        let open = Some(samples::payment().id);
        check(0, 0, 0, 0, None, "free");
        check(100, 0, 0, 0, None, "unpaid");
        check(100, 0, 0, 0, open, "pending");
        check(100, 0, 0, 100, open, "authorized");
        check(100, 100, 0, 0, None, "paid");
        check(100, 40, 0, 0, None, "unpaid");
        check(100, 100, 30, 0, None, "partially_refunded");
        check(100, 100, 100, 0, None, "refunded");
        check(100, 40, 40, 0, None, "refunded");
    }

    #[test]
    fn views_can_be_parsed() {
        let booking = Booking::of(&samples::booking());
        let detail = BookingDetail {
            booking,
            payments: Some(vec![]),
            timeline: vec![],
            timeline_next_cursor: Some("a".to_owned()),
        };
        let text = serde_json::to_string(&detail).unwrap();
        assert_eq!(serde_json::from_str::<BookingDetail>(&text).unwrap(), detail);
    }
}
