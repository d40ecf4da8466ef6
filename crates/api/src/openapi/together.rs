//! Which members may be given together, as far as a schema can express it. What it cannot express
//! (duplicates in a list, a price in another currency than its product's, a period that ends before
//! it begins) is in the member's description.

use domain::rows::{CHECKOUT_PAGE, PAYMENT_FORM, PIX};
use serde_json::{Map, Value, json};

/// The addition to the schema of this name. Exactly one of the forms matches; `anyOf` is enough
/// where they exclude each other.
pub fn rule(name: &str) -> Option<Map<String, Value>> {
    if name == "NewCharge" {
        return Some(Map::from_iter([("anyOf".to_owned(), saved_methods(&["customer"]))]));
    }
    let forms = match name {
        "TaxId" => [
            tax_id("A person's", "cpf", "^[0-9]{11}$"),
            tax_id("A company's", "cnpj", "^[0-9A-Z]{12}[0-9]{2}$"),
        ],
        "NewPayment" | "NewRecordedPayment" => [
            form(
                "For a booking",
                &["booking_id"],
                json!({ "booking_id": TEXT, "reference": NULL, "customer": NULL }),
            ),
            form("For an amount", &["amount"], json!({ "booking_id": NULL, "amount": OBJECT })),
        ],
        "NewBooking" | "NewQuote" => [
            form(
                "Of one slot",
                &["slot_id", "units"],
                json!({ "slot_id": TEXT, "units": LIST, "items": NULL }),
            ),
            form("Of several slots", &["items"], json!({ "slot_id": NULL, "units": NULL, "items": LIST })),
        ],
        "NewCheckIn" => [
            form(
                "By the text of the ticket",
                &["ticket"],
                json!({ "ticket": TEXT, "booking_id": NULL, "item_id": NULL, "number": NULL }),
            ),
            form(
                "By hand",
                &["booking_id", "item_id", "number"],
                json!({ "ticket": NULL, "booking_id": TEXT, "item_id": TEXT, "number": INTEGER }),
            ),
        ],
        "NewApiKey" => [
            form("For a client", &["client_id"], json!({ "client_id": TEXT, "client_name": NULL })),
            form("For a new client", &["client_name"], json!({ "client_id": NULL, "client_name": TEXT })),
        ],
        "NewBeneficiary" => [
            form(
                "Paid by transfers",
                &["provider", "destination"],
                json!({ "provider": TEXT, "destination": TEXT }),
            ),
            form("Paid by the tenant", &[], json!({ "provider": NULL, "destination": NULL })),
        ],
        "ChangedBeneficiary" => ways_to_be_paid(),
        "ReviewAction" => [
            json!({ "title": "A refund", "properties": { "action": { "const": "refund" } } }),
            form("Another action", &[], json!({ "amount": NULL })),
        ],
        "NewScheduleRule" => starts(),
        "NewTier" => [
            form("By hours that pass", &["hours"], json!({ "hours": INTEGER, "days": NULL })),
            form("By days of the calendar", &["days"], json!({ "hours": NULL, "days": INTEGER })),
        ],
        "NewCancellationPolicy" => policies(),
        "ChangedUnit" => [
            form("A change", &["id"], json!({ "id": TEXT, "seats": NULL })),
            form(
                "A new unit",
                &["name", "price"],
                json!({ "id": NULL, "name": TEXT, "price": OBJECT, "active": NULL }),
            ),
        ],
        _ => return None,
    };
    let mut rule = Map::from_iter([("anyOf".to_owned(), json!(forms))]);
    if name == "NewPayment" {
        rule.insert(
            "allOf".to_owned(),
            json!([{ "anyOf": methods() }, { "anyOf": saved_methods(&["booking_id", "customer"]) }]),
        );
    }
    Some(rule)
}

fn tax_id(title: &str, kind: &str, pattern: &str) -> Value {
    json!({ "title": title, "properties": { "kind": { "const": kind }, "number": { "pattern": pattern } } })
}

/// A policy by its name, or by its rules.
fn policies() -> [Value; 2] {
    [
        json!({
            "title": "A preset",
            "required": ["preset"],
            "properties": {
                "preset": { "type": TEXT },
                "tiers": { "maxItems": 0 },
                "grace_minutes": { "type": NULL },
                "weather_basis_points": { "type": NULL },
                "too_few_participants_basis_points": { "type": NULL },
            },
        }),
        form("Rules of its own", &[], json!({ "preset": NULL })),
    ]
}

/// A change of how a beneficiary is paid, or another one.
fn ways_to_be_paid() -> [Value; 2] {
    [
        json!({
            "title": "Paid by transfers from now on",
            "properties": {
                "method": { "const": "transfer" },
                "provider": { "type": TEXT },
                "destination": { "type": TEXT },
            },
            "required": ["method", "provider", "destination"],
        }),
        json!({
            "title": "Another change",
            "properties": {
                "method": { "not": { "const": "transfer" } },
                "provider": { "type": NULL },
                "destination": { "type": NULL },
            },
        }),
    ]
}

/// Where a schedule's times of day stand.
fn starts() -> [Value; 2] {
    [
        json!({
            "title": "At the same times on each date",
            "properties": { "start_times": { "minItems": 1 }, "opening_hours": { "type": NULL } },
            "required": ["start_times"],
        }),
        json!({
            "title": "At an interval within opening hours",
            "properties": { "start_times": { "maxItems": 0 }, "opening_hours": { "type": OBJECT } },
            "required": ["opening_hours"],
        }),
    ]
}

/// What belongs to each way to pay.
fn methods() -> Value {
    let nothing = json!({ "type": NULL });
    json!([
        {
            "title": "With a card",
            "properties": {
                "payment_method": { "not": { "enum": [PIX, PAYMENT_FORM, CHECKOUT_PAGE] } },
                "expires_in_seconds": nothing,
            },
        },
        {
            "title": "With Pix",
            "properties": {
                "payment_method": { "const": PIX },
                "brand": nothing,
                "instalments": nothing,
                "alternatives": { "maxItems": 0 },
                "capture": { "const": "automatic" },
            },
        },
        {
            "title": "With the provider's form",
            "properties": {
                "payment_method": { "const": PAYMENT_FORM },
                "brand": nothing,
                "instalments": nothing,
            },
        },
        {
            "title": "On the provider's page",
            "properties": {
                "payment_method": { "const": CHECKOUT_PAGE },
                "brand": nothing,
                "capture": { "const": "automatic" },
            },
        },
    ])
}

/// What a payment does with saved payment methods. One of `owners` says whose they are.
fn saved_methods(owners: &[&str]) -> Value {
    let nothing = json!({ "type": NULL });
    let owned =
        owners.iter().map(|owner| json!({ "required": [owner], "properties": { *owner: { "type": TEXT } } }));
    let owned: Vec<Value> = owned.collect();
    json!([
        {
            "title": "Without saved payment methods",
            "properties": { "setup_future_usage": nothing, "off_session": { "const": false } },
        },
        {
            "title": "Saves the payment method",
            "properties": { "off_session": { "const": false }, "payment_method": { "not": { "const": PIX } } },
            "anyOf": owned,
        },
        {
            "title": "Charges a saved payment method",
            "properties": {
                "setup_future_usage": nothing,
                "payment_method": { "not": { "enum": [PIX, PAYMENT_FORM] } },
                "alternatives": { "maxItems": 0 },
            },
            "anyOf": owned,
        },
    ])
}

fn form(title: &str, required: &[&str], types: Value) -> Value {
    let Value::Object(types) = types else { unreachable!("types are given by member") };
    let properties: Map<String, Value> =
        types.into_iter().map(|(member, kind)| (member, of_type(&kind))).collect();
    json!({ "title": title, "required": required, "properties": properties })
}

/// Linters want to know what a list has. Its schema says it beside the form.
fn of_type(kind: &Value) -> Value {
    if kind == LIST { json!({ "type": LIST, "items": {} }) } else { json!({ "type": kind }) }
}

const TEXT: &str = "string";
const INTEGER: &str = "integer";
const OBJECT: &str = "object";
const LIST: &str = "array";
const NULL: &str = "null";
