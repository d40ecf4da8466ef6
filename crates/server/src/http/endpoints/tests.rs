use std::collections::BTreeSet;

use api::Code;
use api::code::CodeOrigin;
use api::openapi::{EXAMPLES, Key, ReplyBody};
use serde_json::Value;

use super::*;

fn read() -> Value {
    serde_json::from_str(&document()).unwrap()
}

/// Each operation of the document with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item)| {
        let item: &Value = item;
        let path: &String = path;
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    };
    paths.iter().flat_map(of_path).collect()
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
fn each_endpoint_has_a_name_and_an_address_of_its_own() {
    let (mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for Endpoint { operation, .. } in all() {
        assert!(ids.insert(operation.id), "{}", operation.id);
        assert!(addresses.insert((operation.method, operation.path)), "{}", operation.id);
        assert!(!operation.summary.is_empty() && !operation.description.is_empty(), "{}", operation.id);
        assert!(!operation.replies.is_empty(), "{}", operation.id);
        assert_eq!(operation.scopes.is_empty(), !operation.path.starts_with("/v1/"), "{}", operation.id);
    }
}

#[test]
fn the_document_is_3_1() {
    assert!(read()["openapi"].as_str().unwrap().starts_with("3.1"));
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
fn what_every_request_meets_is_documented() {
    let document = read();
    assert_eq!(document["servers"][0]["url"], "/");
    for (place, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{place}: {parameter}");
            assert!(parameter["schema"].is_object(), "{place}: {parameter}");
        }
        let secured = operation["security"].is_array();
        assert_eq!(secured, place.contains("/v1/"), "{place}");
        for status in ["401", "414", "431"] {
            assert_eq!(secured, operation["responses"][status].is_object(), "{place}: {status}");
        }
        let bad_request = operation["responses"]["400"]["description"].as_str().unwrap_or_default();
        assert_eq!(secured, bad_request.contains("card_number_refused"), "{place}");
    }
}

#[test]
fn what_books_or_moves_money_needs_a_key() {
    for Endpoint { operation, .. } in all() {
        let path = operation.path;
        // To remove what is removed already, or to close or end what is over, is no change. A quote holds nothing.
        let repeats_by_itself = matches!(
            path,
            "/v1/saved_payment_methods/remove" | "/v1/ledger/closing" | "/v1/blackouts/{id}/end"
        );
        let books = operation.method == "POST"
            && !path.contains("/products")
            && path != "/v1/resources"
            && path != "/v1/quotes"
            && !path.contains("/ops/")
            && !repeats_by_itself;
        assert_eq!(operation.key == Key::Required, books, "{}", operation.id);
    }
}

#[test]
fn no_refusal_is_documented_that_no_client_sees() {
    let text = document();
    for code in Code::ALL.iter().filter(|code| code.origin() == CodeOrigin::Internal) {
        assert!(!text.contains(code.name()), "{code:?}");
    }
    assert!(text.contains(Code::SlotIsFull.name()));
}

#[test]
fn whatever_is_sent_and_answered_has_an_example() {
    let mut named = BTreeSet::from(["Problem".to_owned()]);
    for Endpoint { operation, .. } in all() {
        named.extend(operation.body.map(|body| body.schema.into_owned()));
        for reply in operation.replies {
            if let ReplyBody::One(name) | ReplyBody::Once(name) | ReplyBody::Page(name) = reply.body {
                named.insert(name.into_owned());
            }
        }
    }
    let examples: BTreeSet<_> = EXAMPLES.keys().cloned().collect();
    assert_eq!(examples, named);
}
