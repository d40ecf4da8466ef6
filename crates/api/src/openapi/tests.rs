use std::collections::BTreeSet;

use serde_json::Value;

use super::endpoints::ReplyBody;
use super::*;
use crate::code::{Code, CodeOrigin};
use crate::shape::{RequestPart, repair};
use crate::validation_errors::ValidationErrors;

fn read() -> Value {
    serde_json::from_str(&json()).unwrap()
}

/// Each operation with its method and path.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let item = item.as_object().unwrap().clone();
        let path = path.clone();
        item.into_iter()
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    };
    paths.iter().flat_map(of).collect()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().filter(|_| name == "$ref") {
                    Some(reference) => drop(found.insert(reference.to_owned())),
                    None => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_document_is_3_1_and_lists_every_endpoint_once() {
    let document = read();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let operations: BTreeSet<_> = operations(&document).into_iter().map(|(place, _)| place).collect();
    let listed: BTreeSet<_> = endpoints::all().map(|one| format!("{} {}", one.method, one.path)).collect();
    assert_eq!(operations, listed);
    assert_eq!(listed.len(), endpoints::all().count());
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = read();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let listed: BTreeSet<_> = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
    assert_eq!(found, listed);
}

#[test]
fn every_operation_has_an_id_a_tag_a_description_and_its_refusals() {
    let document = read();
    let tags: BTreeSet<_> = TAGS.iter().map(|(name, _)| *name).collect();
    let mut ids = BTreeSet::new();
    for (place, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}: an id twice");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{place}");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{place}");
        assert!(!operation["description"].as_str().unwrap().is_empty(), "{place}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{place}: {parameter}");
            assert!(parameter["schema"].is_object(), "{place}: {parameter}");
        }
        let secured = operation["security"].is_array();
        assert_eq!(secured, place.contains("/v1/"), "{place}");
        assert_eq!(secured, operation["responses"]["401"].is_object(), "{place}");
        let bad_request = operation["responses"]["400"]["description"].as_str().unwrap_or_default();
        assert_eq!(secured, bad_request.contains("card_number_refused"), "{place}");
    }
}

#[test]
fn requests_that_book_or_move_money_need_a_key() {
    for (place, operation) in operations(&read()) {
        let empty = vec![];
        let parameters = operation["parameters"].as_array().unwrap_or(&empty);
        let key = parameters.iter().find(|parameter| parameter["name"] == "Idempotency-Key");
        let required = key.is_some_and(|key| key["required"] == true);
        let books = place.starts_with("POST") && !place.contains("/products") && !place.contains("/ops/");
        assert_eq!(required, books, "{place}");
    }
}

#[test]
fn requests_refuse_unknown_members() {
    let document = read();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas.iter().filter(|(name, _)| name.starts_with("New")) {
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
}

#[test]
fn internal_refusals_are_not_documented() {
    let text = json();
    let hidden: Vec<_> = Code::ALL.iter().filter(|code| code.origin() == CodeOrigin::Internal).collect();
    assert_eq!(hidden.len(), 5);
    for code in hidden {
        assert!(!text.contains(code.name()), "{code:?}");
    }
    assert!(text.contains(Code::SlotIsFull.name()));
}

/// Every input of a client has a documented limit, including a cursor.
#[test]
fn every_member_of_a_request_has_its_limits() {
    let document = read();
    let limited = |schema: &Value, place: &str| {
        let is = |kind: &str| {
            schema["type"] == kind || schema["type"].as_array().is_some_and(|any| any.contains(&kind.into()))
        };
        let has = |names: &[&str]| names.iter().any(|name| !schema[name].is_null());
        if is("string") {
            assert!(has(&["maxLength", "pattern", "enum", "format"]), "{place}: {schema}");
            assert!(has(&["pattern", "enum", "format"]), "{place} may hold a control character: {schema}");
        }
        if is("integer") {
            assert!(has(&["minimum"]) && (has(&["maximum"]) || place == "after"), "{place}: {schema}");
        }
        if is("array") {
            assert!(has(&["maxItems"]), "{place}: {schema}");
        }
    };
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let requests = ["New", "Changed", "BookedUnit", "ClientLimit", "LetterDecision", "Resolution", "Money"];
    for (name, schema) in
        schemas.iter().filter(|(name, _)| requests.iter().any(|begin| name.starts_with(begin)))
    {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            limited(schema, &format!("{name}.{member}"));
        }
    }
    for (_, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if name != "Prefer" {
                limited(&parameter["schema"], name);
            }
        }
    }
    let metadata = &schemas["Metadata"];
    assert_eq!(metadata["maxProperties"], 50);
    assert_eq!(metadata["additionalProperties"]["maxLength"], 500);
}

#[test]
fn every_state_is_one_of_a_list() {
    let document = read();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for member in ["state", "status", "payment_status"] {
            let property = &schema["properties"][member];
            if property["type"] == "string" {
                assert!(property["enum"].as_array().is_some_and(|words| words.len() > 1), "{name}.{member}");
                let example = &property["example"];
                assert!(
                    example.is_null() || property["enum"].as_array().unwrap().contains(example),
                    "{name}.{member}"
                );
            }
        }
    }
}

#[test]
fn common_refusals_are_documented_for_every_endpoint() {
    let document = read();
    assert_eq!(document["servers"][0]["url"], "/");
    for (place, operation) in operations(&document) {
        let secured = operation["security"].is_array();
        for status in ["414", "431"] {
            assert_eq!(secured, operation["responses"][status].is_object(), "{place}: {status}");
        }
    }
}

/// Redocly's linter checks each example against its schema; here, requests are parsed as the server
/// parses them.
#[test]
fn every_request_and_reply_has_an_example() {
    let mut named = BTreeSet::new();
    for endpoint in endpoints::all() {
        if let Some(body) = endpoint.body {
            let mut findings = ValidationErrors::default();
            let mut example = schemas::EXAMPLES[body].clone();
            assert!(repair(body, RequestPart::Body, &mut example, &mut findings).is_empty(), "{body}");
            named.insert(body);
        }
        for (_, answer, _) in endpoint.answers {
            if let ReplyBody::One(name) | ReplyBody::Once(name) | ReplyBody::Page(name) = answer {
                assert!(schemas::EXAMPLES.contains_key(*name), "{name}");
                named.insert(name);
            }
        }
    }
    named.insert("Problem");
    let names: BTreeSet<_> = schemas::EXAMPLES.keys().map(String::as_str).collect();
    assert_eq!(names, named, "an example that nothing refers to");
}
