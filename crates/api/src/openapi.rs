//! The OpenAPI 3.1 document. The table of endpoints stands in [`endpoints`]; here it becomes the
//! document, and the schemas come from the types themselves.

mod endpoints;
mod operation;

use utoipa::openapi::path::{HttpMethod, PathsBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Problem;
use crate::requests::{
    ChangedProduct, ChangedSettings, LetterDecision, NewApiKey, NewBooking, NewCancellation, NewCapture,
    NewCharge, NewPayment, NewProduct, NewRefund, NewSlots, Resolution,
};
use crate::views::{
    ApiKey, Booking, BookingDetail, Breaker, DeadLetter, Event, HistoryEntry, LedgerAccount, Movement, Page,
    Payment, Product, Refund, ReviewCase, Settings, ShownApiKey, Slot, Transfer,
};
use endpoints::TAGS;

const DESCRIPTION: &str = "Takes bookings and the money for them, and does each exactly as often as it was \
     asked. Every request that books or moves money carries an `Idempotency-Key`: send it again with the \
     same key as often as you like, it is done once and answered the same. Refusals are problem documents \
     (RFC 9457) with a stable `code`; `retryable` says whether the same request may do better later. \
     Amounts are whole minor units with a currency, instants are RFC 3339. What looks like a card number is \
     refused wherever in a request it stands, and nothing of it is stored or logged.";

/// The document, made anew from the table and the types.
pub fn document() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Surehold")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license))
        .build();
    let tags = TAGS.iter().map(|(name, told)| TagBuilder::new().name(*name).description(Some(*told)).build());
    let mut paths = PathsBuilder::new();
    for endpoint in endpoints::all() {
        let method = match endpoint.method {
            "POST" => HttpMethod::Post,
            "PATCH" => HttpMethod::Patch,
            _ => HttpMethod::Get,
        };
        // The builder adds the operation to whatever the path has already.
        paths = paths.path(endpoint.path, PathItem::new(method, operation::of(endpoint)));
    }
    OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags))
        .paths(paths.build())
        .components(Some(components()))
        .build()
}

/// The same as JSON text, members in a fixed order.
pub fn json() -> String {
    let mut text = serde_json::to_string_pretty(&document()).expect("a document can be written");
    text.push('\n');
    text
}

fn components() -> utoipa::openapi::Components {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("API key")
        .description(Some(
            "A tenant's API key, `sh_live_...` or `sh_test_...`. What it may do, its scopes say.",
        ))
        .build();
    let mut schemas = Vec::new();
    add::<Problem>(&mut schemas);
    add::<NewBooking>(&mut schemas);
    add::<NewCancellation>(&mut schemas);
    add::<NewPayment>(&mut schemas);
    add::<NewCharge>(&mut schemas);
    add::<NewCapture>(&mut schemas);
    add::<NewRefund>(&mut schemas);
    add::<NewProduct>(&mut schemas);
    add::<ChangedProduct>(&mut schemas);
    add::<NewSlots>(&mut schemas);
    add::<BookingDetail>(&mut schemas);
    add_with_page::<Booking>(&mut schemas);
    add_with_page::<Breaker>(&mut schemas);
    add_with_page::<Payment>(&mut schemas);
    add_with_page::<Refund>(&mut schemas);
    add_with_page::<Movement>(&mut schemas);
    add_with_page::<Product>(&mut schemas);
    add_with_page::<Slot>(&mut schemas);
    add_with_page::<HistoryEntry>(&mut schemas);
    add_with_page::<LedgerAccount>(&mut schemas);
    add_with_page::<Transfer>(&mut schemas);
    add_with_page::<Event>(&mut schemas);
    add_with_page::<ReviewCase>(&mut schemas);
    add_with_page::<DeadLetter>(&mut schemas);
    add::<LetterDecision>(&mut schemas);
    add::<Settings>(&mut schemas);
    add::<ChangedSettings>(&mut schemas);
    add::<Resolution>(&mut schemas);
    add::<NewApiKey>(&mut schemas);
    add::<ShownApiKey>(&mut schemas);
    add_with_page::<ApiKey>(&mut schemas);
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("api_key", SecurityScheme::Http(bearer))
        .build()
}

type Schemas = Vec<(String, RefOr<Schema>)>;

/// The schema and all that it refers to.
fn add<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn add_with_page<T: ToSchema>(schemas: &mut Schemas) {
    add::<T>(schemas);
    schemas.push((page_of(&T::name()), Page::<T>::schema()));
}

/// The name of the page of a list.
fn page_of(name: &str) -> String {
    format!("{name}Page")
}

#[cfg(test)]
mod tests;
