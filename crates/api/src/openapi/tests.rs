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
        item.into_iter().map(move |(method, told)| (format!("{} {path}", method.to_uppercase()), told))
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
fn the_document_is_3_1_and_tells_every_endpoint_once() {
    let document = read();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let told: BTreeSet<_> = operations(&document).into_iter().map(|(place, _)| place).collect();
    let listed: BTreeSet<_> = endpoints::all().map(|one| format!("{} {}", one.method, one.path)).collect();
    assert_eq!(told, listed);
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
fn every_operation_has_a_name_a_tag_a_story_and_its_refusals() {
    let document = read();
    let tags: BTreeSet<_> = TAGS.iter().map(|(name, _)| *name).collect();
    let mut ids = BTreeSet::new();
    for (place, told) in operations(&document) {
        assert!(ids.insert(told["operationId"].as_str().unwrap().to_owned()), "{place}: an id twice");
        assert!(tags.contains(told["tags"][0].as_str().unwrap()), "{place}");
        assert!(!told["summary"].as_str().unwrap().is_empty(), "{place}");
        assert!(!told["description"].as_str().unwrap().is_empty(), "{place}");
        for parameter in told["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{place}: {parameter}");
            assert!(parameter["schema"].is_object(), "{place}: {parameter}");
        }
        let secured = told["security"].is_array();
        assert_eq!(secured, place.contains("/v1/"), "{place}");
        assert_eq!(secured, told["responses"]["401"].is_object(), "{place}");
        let bad_request = told["responses"]["400"]["description"].as_str().unwrap_or_default();
        assert_eq!(secured, bad_request.contains("card_number_refused"), "{place}");
    }
}

#[test]
fn what_books_or_moves_money_needs_a_key() {
    for (place, told) in operations(&read()) {
        let empty = vec![];
        let parameters = told["parameters"].as_array().unwrap_or(&empty);
        let key = parameters.iter().find(|parameter| parameter["name"] == "Idempotency-Key");
        let required = key.is_some_and(|key| key["required"] == true);
        let books = place.starts_with("POST") && !place.contains("/products") && !place.contains("/ops/");
        assert_eq!(required, books, "{place}");
    }
}

#[test]
fn requests_refuse_what_they_do_not_know() {
    let document = read();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas.iter().filter(|(name, _)| name.starts_with("New")) {
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
}

#[test]
fn no_refusal_is_told_that_no_client_sees() {
    let text = json();
    let hidden: Vec<_> = Code::ALL.iter().filter(|code| code.origin() == CodeOrigin::Internal).collect();
    assert_eq!(hidden.len(), 5);
    for code in hidden {
        assert!(!text.contains(code.name()), "{code:?}");
    }
    assert!(text.contains(Code::SlotIsFull.name()));
}

/// Whatever a client may send has an end that is told, and so has a cursor.
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
    for (_, told) in operations(&document) {
        for parameter in told["parameters"].as_array().into_iter().flatten() {
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
fn what_every_request_meets_is_told_of_every_endpoint() {
    let document = read();
    assert_eq!(document["servers"][0]["url"], "/");
    for (place, told) in operations(&document) {
        let secured = told["security"].is_array();
        for status in ["414", "431"] {
            assert_eq!(secured, told["responses"][status].is_object(), "{place}: {status}");
        }
    }
}

/// Redocly's linter holds each against its schema; here, what is sent is read as the server reads it.
#[test]
fn whatever_is_sent_and_answered_has_an_example() {
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
    let told: BTreeSet<_> = schemas::EXAMPLES.keys().map(String::as_str).collect();
    assert_eq!(told, named, "an example that nothing refers to");
}
