//! Reserve: hold seats of one or several slots for a customer, for a while. All of them, or none.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{about, append_message};
use crate::commands::draft::{Draft, Origin};
use crate::commands::payouts::release_of;
use crate::ids::{ClientId, CustomerId, TenantId};
use crate::lifecycle::{CurrentState, booking, booking_item};
use crate::money::Money;
use crate::pricing::{Basket, BasketItem, PricedBasket, PricedLine};
use crate::provider::TenantProviders;
use crate::refusal::Refusal;
use crate::reply::{BookingReply, ItemReply, Reply};
use crate::resources::{self, ResourceCalendar};
use crate::rows::{Booking, BookingItem, Client, Customer, Facts, Needs, TableName};
use crate::tax;
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
    /// The basket: each unit of a slot once, of at most [`crate::limits::SLOTS_PER_BOOKING_MAX`] slots.
    pub items: Vec<BasketItem>,
    /// The total that the customer was shown. `None`: whatever it is.
    pub expected_total: Option<Money>,
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

    /// The priced basket. Refused if the client has expected another total.
    fn price<'f>(&self, facts: &'f Facts, now: Timestamp) -> Result<PricedBasket<'f>, Refusal> {
        let basket = Basket { tenant: self.tenant(), items: &self.items, providers: &self.providers, now };
        let priced = basket.price(facts)?;
        match self.expected_total {
            Some(expected) if expected != priced.total => {
                Err(Refusal::PriceHasChanged { total: priced.total })
            }
            _ => Ok(priced),
        }
    }

    fn looks_full(&self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::SlotIsFull { .. } | Refusal::ResourceIsTaken { .. } if !self.last_try => {
                Refusal::SlotLooksFull
            }
            refusal => refusal,
        }
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
        priced: &PricedBasket<'_>,
        (hold, hold_max): (Span, Span),
    ) -> Booking {
        let now = draft.context.now;
        // A booking cannot be paid after its first departure.
        let ends_at_departure = !fault_injection::is(fault_injection::InjectedFault::HoldOutlivesDeparture);
        let latest = if ends_at_departure { priced.earliest_start() } else { Timestamp(i64::MAX) };
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
            total_minor: priced.total.minor,
            currency: priced.total.currency,
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
            tax_minor: tax::sum(&priced.taxes()),
            recognized_minor: 0,
            recognized_tax_minor: 0,
        }
    }

    fn items(draft: &Draft<'_>, booking: &Booking, priced: &PricedBasket<'_>) -> Vec<BookingItem> {
        let item = |line: &PricedLine<'_>| BookingItem {
            id: draft.id(),
            tenant: booking.tenant,
            booking: booking.id,
            slot: line.slot.id,
            product: line.product.id,
            unit: line.unit.id,
            name: line.unit.name.clone(),
            quantity: line.quantity,
            seats: line.seats,
            price_minor: line.price_minor,
            state: CurrentState::start(),
            booked_at: booking.created_at,
            policy: line.product.policy(),
            checked_in: 0,
            credited_minor: None,
            taxes: Json(line.taxes.clone()),
        };
        priced.lines.iter().map(item).collect()
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
        // No `?` here: all slots are requested at once, so that they are locked in the order of their ids.
        let mut products = Some(());
        for item in &self.items {
            rows.unit(item.unit);
            let Some(slot) = rows.slot(item.slot) else {
                products = None;
                continue;
            };
            match rows.product(slot.product) {
                Some(product) => resources::needs(rows, slot, Some(product)),
                None => rows.later(TableName::resource_days),
            }
        }
        rows.customer(self.customer_id());
        if self.client_is_limited {
            rows.client(self.client());
        }
        rows.tenant(self.tenant());
        products
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let priced = self.price(facts, context.now)?;
        let hold = self.hold(facts)?;
        let free = priced.total.minor == 0;
        let mut calendar = ResourceCalendar::new(facts);
        let slots = priced.take(&mut calendar, free).map_err(|refusal| self.looks_full(refusal))?;
        // A free booking is confirmed at once, so it holds no seats.
        let held_seats = if free { 0 } else { priced.seats() };
        let customer = self.holding_customer(facts, held_seats, context)?;
        let client = self.holding_client(facts, held_seats)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut booking = self.booking(&draft, &priced, hold);
        let mut items = Self::items(&draft, &booking, &priced);
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
            draft.audit(about(&booking), "secured_as_free", Some("held"), Some("confirmed"));
            append_message(&mut draft, &mut booking, items.iter(), "booking.confirmed");
        } else {
            append_message(&mut draft, &mut booking, items.iter(), "booking.held");
            if let Some(client) = client {
                draft.put(client);
            }
        }
        for item in &items {
            draft.put(item.clone());
        }
        draft.put(customer);
        for slot in &slots {
            draft.put(slot.clone());
        }
        draft.allocate(calendar);
        if let Some(split) = priced.split() {
            draft.put(release_of(&booking, split.clone()));
        }
        draft.put(booking.clone());
        let shown = |(item, line): (BookingItem, &PricedLine<'_>)| ItemReply {
            item,
            slot: slots.iter().find(|slot| slot.id == line.slot.id).unwrap_or(line.slot).clone(),
            time_zone: line.product.time_zone.clone(),
        };
        let items = items.into_iter().zip(&priced.lines).map(shown).collect();
        Ok(draft.reply(Reply::Booking(alloc::boxed::Box::new(BookingReply { booking, items }))))
    }
}
