//! What is sold, and when.

use super::{Endpoint, Key, ReplyBody, ask, look};
use crate::code::Code;

const CATALOGUE: &[&str] = &["catalogue"];
const READ_CATALOGUE: &[&str] = &["catalogue", "bookings"];

pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        query: Some("ListQuery"),
        ..look(
            "/v1/products",
            "list_products",
            "Catalogue",
            READ_CATALOGUE,
            ("List products", "Newest first."),
            &[(200, ReplyBody::Page("Product"), "A page of products.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        refusals: &[Code::CurrencyIsNotTaken, Code::AmountIsNotPayable],
        ..ask(
            "/v1/products",
            "create_product",
            "Catalogue",
            CATALOGUE,
            ("Create a product", "Puts a product with its units up for sale."),
            "NewProduct",
            &[(201, ReplyBody::One("Product"), "The product.")],
        )
    },
    Endpoint {
        refusals: &[Code::ProductNotFound],
        ..look(
            "/v1/products/{id}",
            "get_product",
            "Catalogue",
            READ_CATALOGUE,
            ("Get a product", "With all its units."),
            &[(200, ReplyBody::One("Product"), "The product.")],
        )
    },
    Endpoint {
        method: "PATCH",
        key: Key::Optional,
        refusals: &[
            Code::ProductNotFound,
            Code::UnitNotFound,
            Code::UnitIsNotOfThisProduct,
            Code::CurrencyIsNotTaken,
            Code::AmountIsNotPayable,
            Code::TooManyUnits,
            Code::ChangedMeanwhile,
        ],
        ..ask(
            "/v1/products/{id}",
            "change_product",
            "Catalogue",
            CATALOGUE,
            ("Change a product", "What is absent stays. Bookings keep the prices they were made at."),
            "ChangedProduct",
            &[(200, ReplyBody::One("Product"), "The product as it is now.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        refusals: &[Code::ProductNotFound, Code::SlotAlreadyExists],
        ..ask(
            "/v1/products/{id}/slots",
            "add_slots",
            "Catalogue",
            CATALOGUE,
            (
                "Open slots",
                "Adds dated departures with their capacity: all of them, or none. A product has one slot at one moment; where there is one, `slot_already_exists` names it in `resource`.",
            ),
            "NewSlots",
            &[(201, ReplyBody::Page("Slot"), "The slots, in the order they were asked for.")],
        )
    },
    Endpoint {
        query: Some("AvailabilityQuery"),
        refusals: &[Code::ProductNotFound],
        ..look(
            "/v1/availability",
            "get_availability",
            "Catalogue",
            READ_CATALOGUE,
            (
                "Find slots",
                "The slots of a product in a span of time, earliest first. `status` is what a reserve of the slot would be answered.",
            ),
            &[(200, ReplyBody::Page("Slot"), "A page of slots with their vacancies.")],
        )
    },
];
