//! Rows for the tests of this crate.

use domain::availability::Availability;
use domain::lifecycle::{CurrentState, booking, payment, refund};
use domain::reply::{BookingReply, ItemReply, OfferedSlot, SlotsReply};
use domain::rows::{Booking, BookingItem, Capture, Payment, Product, Refund, Slot, Unit};
use domain::tax::Tax;
use domain::working_set::Json;
use domain::{
    AccountId, BookingId, BookingItemId, ClientId, Currency, CustomerId, PaymentId, ProductId, RefundId,
    SlotId, TenantId, Timestamp, UnitId,
};
use uuid::Uuid;

/// 2026-01-01T00:00:00Z.
pub const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

fn id<T: From<Uuid>>(number: u128) -> T {
    T::from(Uuid::from_u128(number))
}

pub fn tenant() -> TenantId {
    id(1)
}

fn client() -> ClientId {
    id(2)
}

pub fn product() -> Product {
    Product {
        id: id::<ProductId>(3),
        tenant: tenant(),
        name: "Sunset sail".into(),
        description: "Two hours on the river.".into(),
        time_zone: "Europe/Lisbon".into(),
        currency: Currency::EUR,
        active: true,
        split: None,
        metadata: Json::default(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
        cancellation_policy: None,
        duration_minutes: None,
        resources: None,
        taxes: Json::default(),
    }
}

pub fn unit() -> Unit {
    Unit {
        id: id::<UnitId>(4),
        tenant: tenant(),
        product: id(3),
        name: "Adult".into(),
        price_minor: 4_500,
        seats: 1,
        active: true,
        version: 1,
    }
}

pub fn slot() -> Slot {
    Slot {
        id: id::<SlotId>(5),
        tenant: tenant(),
        product: id(3),
        // 2026-07-01T18:00:00Z.
        starts_at: Timestamp(1_782_928_800_000_000),
        capacity: 12,
        held: 2,
        sold: 0,
        closed: false,
        created_at: NOW,
        schedule: None,
        withdrawn: false,
        allocations: None,
    }
}

pub fn slots() -> SlotsReply {
    SlotsReply {
        slots: vec![OfferedSlot { slot: slot(), vacancies: 10, availability: Availability::Available }],
        time_zone: "Europe/Lisbon".into(),
    }
}

pub fn booking() -> BookingReply {
    let booking = Booking {
        id: id::<BookingId>(6),
        tenant: tenant(),
        client: client(),
        customer: id::<CustomerId>(7),
        customer_name: "Ana Lima".into(),
        customer_email: "ana@example.com".into(),
        customer_phone: None,
        state: CurrentState::<booking::State>::start(),
        seq: 1,
        counts_for_client: false,
        total_minor: 9_000,
        currency: Currency::EUR,
        open_payment: None,
        payments: 0,
        authorized_minor: 0,
        paid_minor: 0,
        refunded_minor: 0,
        settled_minor: 0,
        hold_expires_at: Timestamp(NOW.0 + 900_000_000),
        hold_expires_max: Timestamp(NOW.0 + 3_600_000_000),
        sweep_at: Timestamp(NOW.0 + 900_000_000),
        confirmed_at: None,
        ended_at: None,
        metadata: Json::default(),
        created_at: NOW,
        updated_at: NOW,
        tax_minor: 510,
        recognized_minor: 0,
        recognized_tax_minor: 0,
    };
    let tax = Tax { name: "VAT".into(), rate_basis_points: 600, included: true, minor: 255 };
    let item = BookingItem {
        id: id::<BookingItemId>(9),
        tenant: tenant(),
        booking: booking.id,
        slot: id(5),
        product: id(3),
        unit: id(4),
        name: "Adult".into(),
        quantity: 2,
        seats: 2,
        price_minor: 4_500,
        state: CurrentState::start(),
        booked_at: NOW,
        policy: None,
        checked_in: 0,
        credited_minor: None,
        taxes: Json(vec![tax]),
    };
    let items = vec![ItemReply { item, slot: slot(), time_zone: "Europe/Lisbon".into() }];
    BookingReply { booking, items }
}

pub fn payment() -> Payment {
    Payment {
        id: id::<PaymentId>(8),
        tenant: tenant(),
        client: client(),
        booking: Some(id(6)),
        account: id::<AccountId>(9),
        provider: "sandbox".into(),
        amount_minor: 9_000,
        currency: Currency::EUR,
        capture: Capture::Automatic,
        payment_method: "pm_card_visa".into(),
        brand: None,
        instalments: 1,
        payer: None,
        pay_until: None,
        alternatives: None,
        continues: None,
        continued_by: None,
        reference: None,
        return_url: None,
        metadata: Json::default(),
        key: None,
        state: CurrentState::<payment::State>::start(),
        seq: 1,
        provider_ref: None,
        authorized_minor: 0,
        captured_minor: 0,
        refunding_minor: 0,
        refunded_minor: 0,
        suspended_minor: 0,
        disputed_minor: 0,
        open_disputes: 0,
        unsettled_disputes: 0,
        provider_fee_minor: 0,
        provider_fee_currency: None,
        refunds: 0,
        next_action: None,
        failure: None,
        active: None,
        capturing_minor: None,
        void_requested: false,
        evidenced: false,
        contradicted_at: None,
        booked_authorized_minor: 0,
        booked_paid_minor: 0,
        booked_refunded_minor: 0,
        created_at: NOW,
        updated_at: NOW,
        capture_before: None,
        authorization_due_at: None,
        expiry_warned: false,
        customer: None,
        saves_method: false,
        off_session: false,
        saved_method: None,
        counted_incoming: None,
    }
}

pub fn refund() -> Refund {
    Refund {
        id: id::<RefundId>(10),
        tenant: tenant(),
        payment: id(8),
        booking: Some(id(6)),
        amount_minor: 4_500,
        currency: Currency::EUR,
        external: false,
        reason: Some("one guest less".into()),
        metadata: Json::default(),
        key: None,
        state: CurrentState::<refund::State>::start(),
        seq: 1,
        provider_ref: None,
        failure: None,
        created_at: NOW,
        updated_at: NOW,
    }
}
