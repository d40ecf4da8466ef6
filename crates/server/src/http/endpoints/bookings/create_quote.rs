//! A quote reads and takes no locks, so whatever it shows may have changed when the booking is made. The
//! booking's `expected_total` is compared under the locks.

use std::collections::BTreeSet;

use api::Code;
use api::requests::NewQuote;
use api::views::Quote;
use axum::extract::State;
use domain::pricing::{Basket, ReadRows, SlotDemand};
use domain::{ProductId, SlotId};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::endpoints::catalogue::resources::needed;
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::found;
use crate::http::write_request::UnkeyedRequest;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/quotes", "create_quote", handle)
        .about(
            "Price a booking",
            "What a booking would cost now, and whether its seats are free. Holds nothing and stores \
             nothing, so it takes no key. What can never be booked is refused as the booking would be; a \
             full slot is shown.",
        )
        .answers::<Quote>(200, "The price, and the vacancies of each slot.")
        .refuses(&[
            Code::SlotNotFound,
            Code::UnitNotFound,
            Code::UnitIsNotOfThisProduct,
            Code::UnitIsNotOnSale,
            Code::ProductIsNotOnSale,
            Code::SlotIsClosed,
            Code::SlotHasStarted,
            Code::CurrenciesDiffer,
            Code::SplitRulesDiffer,
            Code::AmountIsTooLarge,
            Code::AmountIsNotPayable,
            Code::CurrencyIsNotTaken,
        ])
}

async fn handle(State(app): State<App>, call: UnkeyedRequest<ReadCatalogue, NewQuote>) -> Handled {
    let tenant = call.caller.tenant;
    let _turn = app.turns.take(tenant).await?;
    let items = call.request.basket();
    let ids: BTreeSet<SlotId> = items.iter().map(|item| item.slot).collect();
    let slots = app.store().slots_by_ids(tenant, &ids.into_iter().collect::<Vec<_>>()).await?;
    let products: BTreeSet<ProductId> = slots.iter().map(|slot| slot.product).collect();
    let products: Vec<ProductId> = products.into_iter().collect();
    // All units of the products, because the availability of a slot depends on all of them.
    let units = app.store().units_of(tenant, &products).await?;
    let products = app.store().products_by_ids(tenant, &products).await?;
    let (resources, days) = needed(&app, tenant, &slots, &products).await?;
    let rows = ReadRows::new(slots, products, units.clone()).with_resources(resources, days);
    let providers = app.parts.tenant_providers(&call.caller);
    let basket = Basket { tenant, items: &items, providers: &providers, now: app.parts.clock.now() };
    let priced = basket.price(&rows)?;
    let shown = |demand: &SlotDemand<'_>| demand.offer.availability(&units);
    Ok(found(&Quote::of(&priced, &rows, shown)))
}
