use super::schemas::QUERIES;
use super::*;
use crate::shape::{RequestPart, repair};
use crate::validation_errors::ValidationErrors;

/// How the names of bodies begin, and of what stands within them.
const REQUESTS: [&str; 8] =
    ["New", "Changed", "Booked", "ClientLimit", "LetterDecision", "PayoutRecord", "Resolution", "Money"];

fn is_of_request(name: &str) -> bool {
    REQUESTS.iter().any(|begin| name.starts_with(begin))
}

#[test]
fn requests_refuse_what_they_do_not_know() {
    for (name, schema) in COMPONENTS.iter().filter(|(name, _)| name.starts_with("New")) {
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
}

/// Whatever a client may send has an end that is told, and so has a cursor.
#[test]
fn every_member_of_a_request_has_its_limits() {
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
            let is_open = place == "EventsQuery.after";
            assert!(has(&["minimum"]) && (has(&["maximum"]) || is_open), "{place}: {schema}");
        }
        if is("array") {
            assert!(has(&["maxItems"]), "{place}: {schema}");
        }
    };
    let bodies = COMPONENTS.iter().filter(|(name, _)| is_of_request(name));
    for (name, schema) in bodies.chain(QUERIES.iter()) {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            limited(schema, &format!("{name}.{member}"));
        }
    }
    let metadata = &COMPONENTS["Metadata"];
    assert_eq!(metadata["maxProperties"], 50);
    assert_eq!(metadata["additionalProperties"]["maxLength"], 500);
}

#[test]
fn every_state_is_one_of_a_list() {
    for (name, schema) in COMPONENTS.iter() {
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

/// Redocly's linter holds each against its schema; here, what is sent is read as the server reads it.
#[test]
fn every_example_is_read_as_it_is() {
    for (name, example) in EXAMPLES.iter().filter(|(name, _)| is_of_request(name)) {
        let mut findings = ValidationErrors::default();
        assert!(repair(name, RequestPart::Body, &mut example.clone(), &mut findings).is_empty(), "{name}");
    }
}
