//! Which members may be given together, as far as a schema can express it. What it cannot express
//! (duplicates in a list, a price in another currency than its product's, a period that ends before
//! it begins) is in the member's description.

use domain::rows::{CHECKOUT_PAGE, PAYMENT_FORM, PIX};
use serde_json::{Map, Value, json};

/// The addition to the schema of this name. Exactly one of the forms matches; `anyOf` is enough
/// where they exclude each other.
pub fn rule(name: &str) -> Option<Map<String, Value>> {
    let forms = match name {
        "TaxId" => [
            tax_id("A person's", "cpf", "^[0-9]{11}$"),
            tax_id("A company's", "cnpj", "^[0-9A-Z]{12}[0-9]{2}$"),
        ],
        "NewPayment" | "NewRecordedPayment" => [
            form("For a booking", &["booking_id"], json!({ "booking_id": TEXT, "reference": NULL })),
            form("For an amount", &["amount"], json!({ "booking_id": NULL, "amount": OBJECT })),
        ],
        "NewApiKey" => [
            form("For a client", &["client_id"], json!({ "client_id": TEXT, "client_name": NULL })),
            form("For a new client", &["client_name"], json!({ "client_id": NULL, "client_name": TEXT })),
        ],
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
        rule.insert("allOf".to_owned(), json!([{ "anyOf": methods() }]));
    }
    Some(rule)
}

fn tax_id(title: &str, kind: &str, pattern: &str) -> Value {
    json!({ "title": title, "properties": { "kind": { "const": kind }, "number": { "pattern": pattern } } })
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

fn form(title: &str, required: &[&str], types: Value) -> Value {
    let Value::Object(types) = types else { unreachable!("types are given by member") };
    let properties: Map<String, Value> =
        types.into_iter().map(|(member, kind)| (member, json!({ "type": kind }))).collect();
    json!({ "title": title, "required": required, "properties": properties })
}

const TEXT: &str = "string";
const OBJECT: &str = "object";
const NULL: &str = "null";
