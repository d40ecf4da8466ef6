//! Which headers a response always has. The document's builder cannot express it, so it is added to
//! the finished value.

use serde_json::{Value, json};

/// Marks the headers that every response of this status has.
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

/// Some refusals with 409 have a `Retry-After`, others do not.
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
