//! The rows of one reservation: the same rows and types as in the real program.

use domain::commands::{CustomerDetails, Origin};
use domain::idempotency::{Fingerprint, KeyProgress};
use domain::lifecycle::CurrentState;
use domain::reply::{BookingReply, ItemReply};
use domain::rows::{Actor, Audit, Booking, BookingItem, Customer, Key, Message, Slot, Subject};
use domain::working_set::Json;
use domain::{ClientId, Currency, CustomerId, Ids as _, KeyId, Reply, SlotId, TenantId, Timestamp, UnitId};
use server::ids::UuidV7;
use server::ports::clock::SystemClock;
use store::Clock as _;
use uuid::Uuid;

const HOLD_SECONDS: i64 = 15 * 60;

/// The content of a request.
pub(super) struct Reservation {
    pub tenant: TenantId,
    pub key: KeyId,
    text: String,
    fingerprint: Fingerprint,
    pub slot: SlotId,
    pub unit: UnitId,
    quantity: i64,
    details: CustomerDetails,
    pub customer: CustomerId,
}

/// The rows that the request depends on, under the slot's lock.
pub(super) struct Found {
    pub slot: Slot,
    pub unit_name: String,
    pub price_minor: i64,
    pub seats: i64,
    pub currency: Currency,
    pub time_zone: String,
}

/// The rows to write.
pub(super) struct Written {
    pub customer: Customer,
    pub booking: Booking,
    pub item: BookingItem,
    pub slot: Slot,
    pub audit: Audit,
    pub message: Message,
    pub key: Key,
}

impl Reservation {
    pub fn parse(tenant: TenantId, key: &str, body: &[u8]) -> serde_json::Result<Reservation> {
        let request: api::requests::NewBooking = serde_json::from_slice(body)?;
        // The one client of the bench; it need not exist.
        let client = ClientId(tenant.0);
        let api::requests::NewCustomer { name, email, phone } = request.customer;
        let units = request.units.unwrap_or_default();
        let unit = units.first();
        Ok(Reservation {
            tenant,
            key: KeyId::of(tenant, client, key),
            text: key.to_owned(),
            fingerprint: Fingerprint::of("POST", "/v1/bookings", body),
            slot: SlotId(request.slot_id.unwrap_or_default()),
            unit: UnitId(unit.map_or(Uuid::nil(), |unit| unit.unit_id)),
            quantity: unit.map_or(1, |unit| unit.quantity),
            customer: CustomerId::of(tenant, &email),
            details: CustomerDetails { name, email, phone },
        })
    }

    pub fn fingerprint(&self) -> &[u8] {
        &self.fingerprint.0
    }

    pub fn seats(&self, found: &Found) -> i64 {
        found.seats * self.quantity
    }

    /// Nothing can be refused from here on.
    pub fn rows(self, found: Found, ids: &UuidV7) -> Written {
        let now = SystemClock.now();
        let seats = self.seats(&found);
        let client = ClientId(self.tenant.0);
        let booking = self.booking(&found, client, now, ids);
        let item = self.item(&found, &booking, ids);
        let origin = Origin::of(Actor::Client(client));
        let slot = Slot { held: found.slot.held + seats, ..found.slot };
        let customer = Customer {
            id: self.customer,
            tenant: self.tenant,
            email: self.details.email,
            name: self.details.name,
            held_seats: seats,
            created_at: now,
        };
        let audit = Audit {
            id: ids.next().into(),
            tenant: self.tenant,
            at: now,
            actor: origin.actor.name().to_owned(),
            client: Some(client),
            subject_kind: Subject::Booking,
            subject: booking.id.0,
            action: "reserved".to_owned(),
            from_state: None,
            to_state: Some("held".to_owned()),
            request_id: Some(ids.next().to_string()),
            person: None,
            why: None,
        };
        let message = message(&booking, &item, now, ids);
        let shown = ItemReply { item: item.clone(), slot: slot.clone(), time_zone: found.time_zone };
        let reply = BookingReply { booking: booking.clone(), items: vec![shown] };
        let rendered = api::render_reply(&Reply::Booking(Box::new(reply)));
        let key = Key {
            id: self.key,
            tenant: self.tenant,
            client,
            text: self.text,
            fingerprint: self.fingerprint,
            progress: KeyProgress::Finished,
            status: Some(i64::from(rendered.status)),
            body: Some(rendered.body),
            resource: Some(booking.id.0),
            location: rendered.location,
            request_id: ids.next().to_string(),
            created_at: now,
            finished_at: Some(now),
        };
        Written { customer, booking, item, slot, audit, message, key }
    }

    fn item(&self, found: &Found, booking: &Booking, ids: &UuidV7) -> BookingItem {
        BookingItem {
            id: ids.next().into(),
            tenant: self.tenant,
            booking: booking.id,
            slot: self.slot,
            product: found.slot.product,
            unit: self.unit,
            name: found.unit_name.clone(),
            quantity: self.quantity,
            seats: self.seats(found),
            price_minor: found.price_minor,
            state: CurrentState::start(),
            booked_at: booking.created_at,
            policy: None,
            checked_in: 0,
            credited_minor: None,
            taxes: Json::default(),
        }
    }

    fn booking(&self, found: &Found, client: ClientId, now: Timestamp, ids: &UuidV7) -> Booking {
        Booking {
            id: ids.next().into(),
            tenant: self.tenant,
            client,
            customer: self.customer,
            customer_name: self.details.name.clone(),
            customer_email: self.details.email.clone(),
            customer_phone: self.details.phone.clone(),
            state: CurrentState::start(),
            seq: 1,
            counts_for_client: false,
            total_minor: found.price_minor * self.quantity,
            currency: found.currency,
            open_payment: None,
            payments: 0,
            authorized_minor: 0,
            paid_minor: 0,
            refunded_minor: 0,
            settled_minor: 0,
            hold_expires_at: now.plus(domain::time::Span::seconds(HOLD_SECONDS)),
            hold_expires_max: now.plus(domain::time::Span::seconds(HOLD_SECONDS)),
            sweep_at: now.plus(domain::time::Span::seconds(HOLD_SECONDS)),
            confirmed_at: None,
            ended_at: None,
            metadata: Json::default(),
            created_at: now,
            updated_at: now,
            tax_minor: 0,
            recognized_minor: 0,
            recognized_tax_minor: 0,
        }
    }
}

fn message(booking: &Booking, item: &BookingItem, now: Timestamp, ids: &UuidV7) -> Message {
    let payload = serde_json::json!({
        "booking_id": booking.id.0,
        "slot_ids": [item.slot.0],
        "state": "held",
        "seats": item.seats,
        "total": booking.total(),
        "paid_minor": booking.paid_minor,
        "refunded_minor": booking.refunded_minor,
    });
    Message {
        id: ids.next().into(),
        tenant: booking.tenant,
        subject_kind: Subject::Booking,
        subject: booking.id.0,
        seq: 1,
        kind: "booking.held".to_owned(),
        payload: payload.to_string(),
        created_at: now,
        partition: Message::partition_of(booking.id.0),
        position: None,
        published: 0,
        published_at: None,
        received_at: None,
    }
}
