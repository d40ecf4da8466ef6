//! Which members may be given together, as far as a schema can express it. What it cannot express
//! (duplicates in a list, a price in another currency than its product's, a period that ends before
//! it begins) is in the member's description.

use serde_json::{Map, Value, json};

/// The addition to the schema of this name. Exactly one of the forms matches; `anyOf` is enough
/// where they exclude each other.
pub fn rule(name: &str) -> Option<Map<String, Value>> {
    let forms = match name {
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
    Some(Map::from_iter([("anyOf".to_owned(), json!(forms))]))
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
