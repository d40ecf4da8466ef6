//! Which headers an answer always has. The builder of the document cannot say it, so it is added where the
//! document is a value already.

use serde_json::{Value, json};

/// Marks the headers that no answer with this status is without.
pub fn require(document: &mut Value) {
    for operation in document.get_mut("paths").into_iter().flat_map(values).flat_map(values) {
        for (status, response) in operation.get_mut("responses").into_iter().flat_map(members) {
            for (name, header) in response.get_mut("headers").into_iter().flat_map(members) {
                if is_always_there(status, name) {
                    header["required"] = json!(true);
                }
            }
        }
    }
}

/// Some refusals with 409 have a time after which to ask again, and others have none.
fn is_always_there(status: &str, header: &str) -> bool {
    match header {
        "Location" | "WWW-Authenticate" => true,
        "Retry-After" => matches!(status, "429" | "503"),
        _ => false,
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

fn values(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    members(value).map(|(_, value)| value)
}
