use std::collections::HashMap;

use api::Code;
use api::requests::CancellationQuoteQuery;
use api::views::CancellationQuote;
use axum::extract::State;
use domain::cancellation_policy::CancellationRules;
use domain::commands::{Cancellation, CancelledItem, ItemRows};
use domain::lifecycle::booking;
use domain::rows::{Booking, Payment, Product, Slot};
use domain::{BookingId, BookingItemId, CancellationPolicyId, ProductId, Refusal, SlotId, TenantId};

use super::context::distinct;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Bookings;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::write_request::Id;
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/bookings/{id}/cancellation_quote", "get_cancellation_quote", handle)
        .about(
            "See what a cancellation gives back",
            "Nothing is cancelled. `POST /v1/bookings/{id}/cancel` with this `refund` as `expected_refund` gives back \
             exactly that, or is refused.",
        )
        .answers::<CancellationQuote>(200, "The quote.")
        .refuses(&[
            Code::BookingNotFound,
            Code::ItemNotFound,
            Code::NotSoManyTickets,
            Code::StateDoesNotAllowIt,
            Code::TooManyRefunds,
        ])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Bookings>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<CancellationQuoteQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    let booking = app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    booking.state.require(booking::Event::CustomerCancelled)?;
    let cancelled =
        query.item_id.map(|item| CancelledItem { item: BookingItemId(item), quantity: query.quantity });
    let rows = Rows::of(&app, tenant, &booking).await?;
    let quote =
        rows.quote(&app, &booking, cancelled.as_slice(), query.cancelled_by.unwrap_or_default().into())?;
    Ok(found(&CancellationQuote::of(id, &quote)))
}

/// What a quote is made of.
struct Rows {
    items: Vec<domain::rows::BookingItem>,
    slots: HashMap<SlotId, Slot>,
    products: HashMap<ProductId, Product>,
    policies: HashMap<CancellationPolicyId, CancellationRules>,
    payments: Vec<Payment>,
}

impl Rows {
    async fn of(app: &App, tenant: TenantId, booking: &Booking) -> Result<Rows, RefusedRequest> {
        let store = app.store();
        let items = store.items_of_bookings(tenant, &[booking.id]).await?;
        let slots = store.slots_by_ids(tenant, &distinct(&items, |item| item.slot)).await?;
        let products = store.products_by_ids(tenant, &distinct(&items, |item| item.product)).await?;
        let policies: Vec<CancellationPolicyId> = items.iter().filter_map(|item| item.policy).collect();
        let policies = store.cancellation_policies(tenant, &policies).await?;
        Ok(Rows {
            items,
            slots: slots.into_iter().map(|slot| (slot.id, slot)).collect(),
            products: products.into_iter().map(|product| (product.id, product)).collect(),
            policies: policies.into_iter().map(|policy| (policy.id, policy.rules.0)).collect(),
            payments: store.payments_of_booking(tenant, booking.id).await?,
        })
    }

    fn quote(
        &self,
        app: &App,
        booking: &Booking,
        cancelled: &[CancelledItem],
        by: domain::cancellation_policy::CancelledBy,
    ) -> Result<domain::commands::QuotedCancellation, Refusal> {
        let row = |item| {
            let item: &domain::rows::BookingItem = item;
            let slot = self.slots.get(&item.slot).ok_or(Refusal::SlotNotFound)?;
            let product = self.products.get(&item.product).ok_or(Refusal::ProductNotFound)?;
            Ok(ItemRows { item, slot, product })
        };
        let items: Vec<ItemRows<'_>> = self.items.iter().map(row).collect::<Result<_, Refusal>>()?;
        let cancellation = Cancellation {
            booking,
            items: &items,
            payments: &self.payments.iter().collect::<Vec<_>>(),
            policy: &|id| self.policies.get(&id),
            cancelled,
            by,
            now: app.parts.clock.now(),
            amounts: providers::AMOUNTS,
        };
        cancellation.quote()
    }
}
