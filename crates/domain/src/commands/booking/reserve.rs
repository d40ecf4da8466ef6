//! Reserve: hold seats of a slot for a customer, for a while.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{about, append_message};
use crate::availability::SlotOffer;
use crate::commands::draft::{Draft, Origin};
use crate::commands::payouts::release_of;
use crate::ids::{ClientId, CustomerId, SlotId, TenantId, UnitId};
use crate::lifecycle::{CurrentState, booking, booking_item};
use crate::limits;
use crate::money::{Currency, Money};
use crate::provider::TenantProviders;
use crate::refusal::Refusal;
use crate::reply::{BookingReply, ItemReply, Reply};
use crate::rows::{Booking, BookingItem, Client, Customer, Facts, Needs, Product, Slot, Unit};
use crate::time::{Span, Timestamp};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct CustomerDetails {
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Reserve {
    pub claim: Claim,
    pub slot: SlotId,
    /// Each unit once, quantities from 1 to [`limits::QUANTITY_MAX`].
    pub units: Vec<(UnitId, i64)>,
    pub customer: CustomerDetails,
    /// `None`: the tenant's default.
    pub hold_seconds: Option<i64>,
    pub metadata: BTreeMap<String, String>,
    pub providers: TenantProviders,
    /// The client has a limit on held seats, so its row must be locked.
    pub client_is_limited: bool,
    /// On the first try a full slot is refused as [`Refusal::SlotLooksFull`], which is not stored, because
    /// lapsed holds may still have seats of it. The caller expires those holds and tries a last time.
    pub last_try: bool,
}

struct Priced<'f> {
    /// Each unit with its quantity.
    units: Vec<(&'f Unit, i64)>,
    seats: i64,
    total_minor: i64,
}

impl Reserve {
    fn tenant(&self) -> TenantId {
        self.claim.tenant
    }
    fn client(&self) -> ClientId {
        self.claim.client
    }
    fn customer_id(&self) -> CustomerId {
        CustomerId::of(self.tenant(), &self.customer.email)
    }

    fn price<'f>(&self, facts: &'f Facts, offer: &SlotOffer<'_>) -> Result<Priced<'f>, Refusal> {
        let mut priced = Priced { units: Vec::new(), seats: 0, total_minor: 0 };
        for (id, quantity) in &self.units {
            let unit = facts
                .units
                .get(*id)
                .filter(|unit| unit.tenant == self.tenant())
                .ok_or(Refusal::UnitNotFound { unit: id.0 })?;
            offer.sells(unit)?;
            priced.seats += unit.seats * quantity;
            priced.total_minor = unit
                .price_minor
                .checked_mul(*quantity)
                .and_then(|price| price.checked_add(priced.total_minor))
                .filter(|total| *total <= limits::AMOUNT_MINOR_MAX)
                .ok_or(Refusal::AmountIsTooLarge)?;
            priced.units.push((unit, *quantity));
        }
        self.providers.check_total(Money::new(priced.total_minor, offer.product.currency))?;
        Ok(priced)
    }

    /// How long the hold lasts, and how long it may last at most.
    fn hold(&self, facts: &Facts) -> Result<(Span, Span), Refusal> {
        let settings = &facts.tenants.get(self.tenant()).ok_or(Refusal::SlotNotFound)?.settings.0;
        let seconds = self.hold_seconds.unwrap_or(settings.default_hold_seconds());
        if seconds > settings.hold_seconds_max {
            return Err(Refusal::HoldIsTooLong { seconds_max: settings.hold_seconds_max });
        }
        Ok((Span::seconds(seconds), Span::seconds(settings.hold_seconds_max)))
    }

    /// The customer's row with the seats counted. Refused if the customer would hold too many.
    fn holding_customer(
        &self,
        facts: &Facts,
        seats: i64,
        context: &Context<'_>,
    ) -> Result<Customer, Refusal> {
        let mut customer = facts.customers.get(self.customer_id()).cloned().unwrap_or_else(|| Customer {
            id: self.customer_id(),
            tenant: self.tenant(),
            email: self.customer.email.clone(),
            name: self.customer.name.clone(),
            held_seats: 0,
            created_at: context.now,
        });
        let limit = facts.tenants.get(self.tenant()).and_then(|t| t.settings.0.seats_held_per_customer_max);
        if let Some(limit) = limit.filter(|limit| seats > 0 && customer.held_seats + seats > *limit) {
            let held = customer.held_seats;
            return Err(Refusal::TooManySeatsHeldByCustomer { held, requested: seats, limit });
        }
        customer.name.clone_from(&self.customer.name);
        customer.held_seats += seats;
        Ok(customer)
    }

    fn holding_client(&self, facts: &Facts, seats: i64) -> Result<Option<Client>, Refusal> {
        let Some(client) = facts.clients.get(self.client()).filter(|_| self.client_is_limited) else {
            return Ok(None);
        };
        let held = client.held_seats;
        if let Some(limit) = client.held_seats_max.filter(|limit| seats > 0 && held + seats > *limit) {
            return Err(Refusal::TooManySeatsHeldByClient { held, requested: seats, limit });
        }
        Ok(Some(Client { held_seats: held + seats, ..client.clone() }))
    }

    fn booking(
        &self,
        draft: &Draft<'_>,
        slot: &Slot,
        total_minor: i64,
        (hold, hold_max): (Span, Span),
        currency: Currency,
    ) -> Booking {
        let now = draft.context.now;
        // A booking cannot be paid after its departure.
        let ends_at_departure = !fault_injection::is(fault_injection::InjectedFault::HoldOutlivesDeparture);
        let latest = if ends_at_departure { slot.starts_at } else { Timestamp(i64::MAX) };
        let expires_at = now.plus(hold).min(latest);
        Booking {
            id: draft.id_under(self.claim.key),
            tenant: self.tenant(),
            client: self.client(),
            customer: self.customer_id(),
            customer_name: self.customer.name.clone(),
            customer_email: self.customer.email.clone(),
            customer_phone: self.customer.phone.clone(),
            state: CurrentState::start(),
            seq: 0,
            counts_for_client: self.client_is_limited,
            total_minor,
            currency,
            open_payment: None,
            payments: 0,
            authorized_minor: 0,
            paid_minor: 0,
            refunded_minor: 0,
            settled_minor: 0,
            hold_expires_at: expires_at,
            hold_expires_max: now.plus(hold_max).min(latest),
            sweep_at: expires_at,
            confirmed_at: None,
            ended_at: None,
            metadata: Json(self.metadata.clone()),
            created_at: now,
            updated_at: now,
        }
    }

    fn items(
        draft: &Draft<'_>,
        booking: &Booking,
        slot: &Slot,
        product: &Product,
        priced: &Priced<'_>,
    ) -> Vec<BookingItem> {
        let policy = product.policy();
        let item = |(unit, quantity): &(&Unit, i64)| BookingItem {
            id: draft.id(),
            tenant: booking.tenant,
            booking: booking.id,
            slot: slot.id,
            product: slot.product,
            unit: unit.id,
            name: unit.name.clone(),
            quantity: *quantity,
            seats: unit.seats * quantity,
            price_minor: unit.price_minor,
            state: CurrentState::start(),
            booked_at: booking.created_at,
            policy,
            credited_minor: None,
        };
        priced.units.iter().map(item).collect()
    }
}

impl Command for Reserve {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant())
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let product = rows.slot(self.slot).map(|slot| slot.product);
        rows.customer(self.customer_id());
        if self.client_is_limited {
            rows.client(self.client());
        }
        for (unit, _) in &self.units {
            rows.unit(*unit);
        }
        rows.tenant(self.tenant());
        rows.product(product?);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let slot = facts
            .slots
            .get(self.slot)
            .filter(|slot| slot.tenant == self.tenant())
            .ok_or(Refusal::SlotNotFound)?;
        let product = facts.products.get(slot.product).ok_or(Refusal::ProductNotFound)?;
        let offer = SlotOffer { product, slot, now: context.now };
        offer.is_open()?;
        let hold = self.hold(facts)?;
        let priced = self.price(facts, &offer)?;
        let seats = priced.seats;
        offer.has_room(seats).map_err(|full| if self.last_try { full } else { Refusal::SlotLooksFull })?;
        let free = priced.total_minor == 0;
        // A free booking is confirmed at once, so it holds no seats.
        let held_seats = if free { 0 } else { seats };
        let customer = self.holding_customer(facts, held_seats, context)?;
        let client = self.holding_client(facts, held_seats)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut booking = self.booking(&draft, slot, priced.total_minor, hold, product.currency);
        let mut items = Self::items(&draft, &booking, slot, product, &priced);
        let mut slot = slot.clone();
        draft.audit(about(&booking), "reserved", None, Some("held"));
        if free {
            // There is no payment that could secure it, so the audit has an action of its own.
            booking.state =
                const { booking::step(booking::State::Held, booking::Event::PaymentSecured) }.to();
            booking.confirmed_at = Some(context.now);
            for item in &mut items {
                item.state =
                    const { booking_item::step(booking_item::State::Held, booking_item::Event::Sell) }.to();
            }
            slot.sold += seats;
            draft.audit(about(&booking), "secured_as_free", Some("held"), Some("confirmed"));
            append_message(&mut draft, &mut booking, items.iter(), "booking.confirmed");
        } else {
            slot.held += seats;
            append_message(&mut draft, &mut booking, items.iter(), "booking.held");
            if let Some(client) = client {
                draft.put(client);
            }
        }
        for item in &items {
            draft.put(item.clone());
        }
        draft.put(customer);
        draft.put(slot.clone());
        if let Some(release) = release_of(&booking, product) {
            draft.put(release);
        }
        draft.put(booking.clone());
        let shown = |item| ItemReply { item, slot: slot.clone(), time_zone: product.time_zone.clone() };
        let items = items.into_iter().map(shown).collect();
        Ok(draft.reply(Reply::Booking(alloc::boxed::Box::new(BookingReply { booking, items }))))
    }
}
