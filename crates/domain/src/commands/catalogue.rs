//! The catalogue: commands that create products, change them, and add slots.

mod add_slots;
mod change_product;
mod create_product;
mod set_cancellation_policy;

pub use add_slots::{AddSlots, NewSlot};
pub use change_product::{ChangeProduct, UnitChange};
pub use create_product::CreateProduct;
pub use set_cancellation_policy::SetCancellationPolicy;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::commands::draft::{About, Draft};
use crate::ids::{ProductId, TenantId, UnitId};
use crate::money::{Currency, Money};
use crate::provider::TenantProviders;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Facts, Needs, Product, Subject, Unit};
use crate::tax::{TaxRule, taxed_price};
use crate::working_set::Decision;

#[derive(Clone, Debug)]
pub struct NewUnit {
    pub name: String,
    pub price_minor: i64,
    pub seats: i64,
}

pub(in crate::commands) fn about(product: &Product) -> About {
    About { tenant: product.tenant, kind: Subject::Product, id: product.id.0 }
}

/// The tenant's product, if it is as a query found it.
pub(in crate::commands) fn product_at(
    facts: &Facts,
    tenant: TenantId,
    id: ProductId,
    version: i64,
) -> Result<&Product, Refusal> {
    let own = |product: &&Product| product.tenant == tenant;
    let product = facts.products.get(id).filter(own).ok_or(Refusal::ProductNotFound)?;
    if product.version == version { Ok(product) } else { Err(Refusal::ChangedMeanwhile) }
}

/// Refuses prices that no customer could pay with their taxes.
/// Requests a product with the units that the reply to its change shows.
pub(in crate::commands) fn need_product(rows: &mut Needs<'_>, product: ProductId, all_units: &[UnitId]) {
    rows.product(product);
    for unit in all_units {
        rows.unit(*unit);
    }
}

/// Puts a product of which one part has changed, and replies with it and all its units.
pub(in crate::commands) fn put_changed(
    mut draft: Draft<'_>,
    facts: &Facts,
    (changed, action): (Product, &str),
    all_units: &[UnitId],
) -> Decision {
    let product = Product { version: changed.version + 1, updated_at: draft.context.now, ..changed };
    draft.audit(about(&product), action, None, None);
    let units: Vec<Unit> = all_units.iter().filter_map(|id| facts.units.get(*id)).cloned().collect();
    draft.put(product.clone());
    draft.reply(Reply::Product(Box::new((product, units))))
}

fn check_prices(
    providers: &TenantProviders,
    currency: Currency,
    taxes: &[TaxRule],
    mut prices: impl Iterator<Item = i64>,
) -> Result<(), Refusal> {
    prices.try_for_each(|minor| {
        let taxed = taxed_price(taxes, minor).ok_or(Refusal::AmountIsTooLarge)?;
        providers.check_price(Money::new(taxed.price_minor, currency))
    })
}

fn new_unit(draft: &Draft<'_>, product: &Product, unit: &NewUnit) -> Unit {
    Unit {
        id: draft.id(),
        tenant: product.tenant,
        product: product.id,
        name: unit.name.clone(),
        price_minor: unit.price_minor,
        seats: unit.seats,
        active: true,
        version: 1,
    }
}
