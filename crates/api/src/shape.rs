//! Checks the shape of a request that cannot be read. A parser stops at the first mistake and names
//! the program's own types; this finds all mistakes. The right shape is in the OpenAPI document.
//!
//! Each mistake is reported with its pointer and replaced by a harmless value. The rest can then be
//! read and checked, so that one reply reports mistakes of shape and of content.

use domain::Currency;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::json::escape;
use crate::openapi::patterns::CURRENCY_PATTERN;
use crate::openapi::schema;
use crate::time;
use crate::validation_errors::ValidationErrors;

const UUID_CHARS: usize = 36;

/// Where a request is from: in a query, a `+` is a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPart {
    Body,
    Query,
}

/// Reports how the value deviates from the schema of this name, and repairs it. Returns the
/// pointers of the repairs.
pub fn repair(
    name: &str,
    part: RequestPart,
    value: &mut Value,
    findings: &mut ValidationErrors,
) -> Vec<String> {
    let mut walker = Walker { part, findings, repaired: Vec::new() };
    if let Some(schema) = schema(name) {
        walker.walk(schema, value, "");
    }
    walker.repaired
}

/// Whether the pointer is one of those, or inside one.
pub fn is_within(pointer: &str, repaired: &[String]) -> bool {
    repaired.iter().any(|parent| {
        pointer.strip_prefix(parent.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

struct Walker<'a> {
    part: RequestPart,
    findings: &'a mut ValidationErrors,
    repaired: Vec<String>,
}

impl Walker<'_> {
    fn walk(&mut self, schema: &Value, value: &mut Value, pointer: &str) {
        if value.is_null() && is_nullable(schema) {
            return;
        }
        let schema = resolved(schema);
        let wrong = match kind(schema) {
            "object" => match value {
                Value::Object(members) => return self.members(schema, members, pointer),
                _ => Some("must be an object".to_owned()),
            },
            "array" => match value {
                Value::Array(items) => {
                    for (index, item) in items.iter_mut().enumerate() {
                        self.walk(&schema["items"], item, &format!("{pointer}/{index}"));
                    }
                    return;
                }
                _ => Some("must be a list".to_owned()),
            },
            "string" => match value {
                Value::String(text) => self.text(schema, text),
                _ => Some("must be a text".to_owned()),
            },
            "integer" if !value.is_i64() => Some("must be an integer".to_owned()),
            "boolean" if !value.is_boolean() => Some("must be true or false".to_owned()),
            _ => None,
        };
        if let Some(detail) = wrong {
            self.report(pointer.to_owned(), detail);
            *value = placeholder(schema);
        }
    }

    fn report(&mut self, pointer: String, detail: impl Into<String>) {
        self.findings.add(&*pointer, detail);
        self.repaired.push(pointer);
    }

    fn members(&mut self, schema: &Value, members: &mut Map<String, Value>, pointer: &str) {
        let (known, other) = (&schema["properties"], &schema["additionalProperties"]);
        let names: Vec<String> = members.keys().cloned().collect();
        for name in names {
            let pointer_to_member = format!("{pointer}/{}", escape(&name));
            let of_member = known.get(&name).or(other.is_object().then_some(other));
            if let (Some(schema), Some(member)) = (of_member, members.get_mut(&name)) {
                self.walk(schema, member, &pointer_to_member);
            } else {
                self.report(pointer_to_member, "is not known here");
                members.remove(&name);
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                self.report(format!("{pointer}/{name}"), "is missing");
                members.insert(name.to_owned(), placeholder(&known[name]));
            }
        }
    }

    /// What is wrong with a text, if its schema says more than that it is one.
    fn text(&self, schema: &Value, text: &str) -> Option<String> {
        // A list of all currencies would not be helpful, so assigned codes are checked elsewhere.
        if schema["pattern"] == CURRENCY_PATTERN {
            let is_code = Currency::new(text).is_some();
            return (!is_code).then(|| "must be three capital letters of ISO 4217".to_owned());
        }
        if let Some(words) = schema["enum"].as_array() {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            return (!words.contains(&text)).then(|| format!("must be one of {}", words.join(", ")));
        }
        let is_wrong = match schema["format"].as_str() {
            // Only one spelling, with its hyphens (RFC 9562 section 4).
            Some("uuid") => text.len() != UUID_CHARS || Uuid::try_parse(text).is_err(),
            Some("date-time") => return self.instant(text),
            Some("date") => return day(text),
            _ => false,
        };
        is_wrong.then(|| "must be a UUID".to_owned())
    }

    fn instant(&self, text: &str) -> Option<String> {
        let reads = |text: &str| time::is_rfc_3339(text) && text.parse::<jiff::Timestamp>().is_ok();
        if reads(text) {
            return None;
        }
        let plus_was_lost = self.part == RequestPart::Query && reads(&text.replacen(' ', "+", 1));
        Some(if plus_was_lost {
            "has a space where a + was meant: in a query a + is written as %2B".to_owned()
        } else {
            "must be an instant of RFC 3339 with its offset, such as 2026-07-01T11:00:00+02:00".to_owned()
        })
    }
}

fn day(text: &str) -> Option<String> {
    let reads = time::is_full_date(text) && text.parse::<jiff::civil::Date>().is_ok();
    (!reads).then(|| "must be a day of RFC 3339, such as 2026-01-31".to_owned())
}

/// The schema that is referred to, or the one beside `null`.
fn resolved(schema: &Value) -> &Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit_once('/').map_or(reference, |(_, name)| name);
        return crate::openapi::schema(name).map_or(schema, resolved);
    }
    let others = schema["oneOf"].as_array().into_iter().flatten();
    others.into_iter().find(|one| one["type"] != "null").map_or(schema, resolved)
}

fn is_nullable(schema: &Value) -> bool {
    let among = |types: &Value| types.as_array().is_some_and(|types| types.contains(&json!("null")));
    let beside = schema["oneOf"].as_array().is_some_and(|any| any.iter().any(|one| one["type"] == "null"));
    among(&schema["type"]) || beside
}

/// The schema's type; of several, the one that is not `null`.
pub fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => {
            types.iter().filter_map(Value::as_str).find(|one| *one != "null").unwrap_or("")
        }
        one => one.as_str().unwrap_or(""),
    }
}

/// The smallest value that fits the schema.
fn placeholder(schema: &Value) -> Value {
    if is_nullable(schema) {
        return Value::Null;
    }
    let schema = resolved(schema);
    match kind(schema) {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let member = |name: &str| (name.to_owned(), placeholder(&schema["properties"][name]));
            Value::Object(required.map(member).collect())
        }
        "array" => json!([]),
        "integer" => json!(schema["minimum"].as_i64().unwrap_or(1)),
        "boolean" => json!(false),
        "string" => match (schema["enum"].get(0), schema["format"].as_str()) {
            (Some(word), _) => word.clone(),
            (None, Some("uuid")) => json!(Uuid::nil()),
            (None, Some("date-time")) => json!("2000-01-01T00:00:00Z"),
            (None, Some("date")) => json!("2000-01-01"),
            _ if schema["pattern"] == CURRENCY_PATTERN => json!("EUR"),
            _ => json!("x"),
        },
        _ => Value::Null,
    }
}
