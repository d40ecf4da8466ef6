//! The API from its own document, so that a test covers an endpoint or a member that is added
//! later.

use serde_json::{Map, Value, json};

use crate::test_server::TestServer;

/// One operation of the document.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub specification: Value,
}

pub struct Document(Value);

impl Document {
    pub async fn of(server: &TestServer) -> Document {
        Document(server.get("/openapi.json").by("").expect(200).await.body)
    }

    /// The operations that need an API key.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, specification) in item.as_object().unwrap() {
                if specification["security"].is_array() {
                    let (method, path) = (method.to_uppercase(), path.clone());
                    operations.push(Operation { method, path, specification: specification.clone() });
                }
            }
        }
        assert!(operations.len() > 25, "{}", operations.len());
        operations
    }

    pub fn body_of(&self, operation: &Operation) -> Option<&Value> {
        let schema = &operation.specification["requestBody"]["content"]["application/json"]["schema"];
        schema["$ref"].as_str().map(|name| self.named(name))
    }

    pub fn members<'a>(&'a self, schema: &'a Value) -> Vec<&'a str> {
        let schema = schema["$ref"].as_str().map_or(schema, |name| self.named(name));
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    fn named(&self, reference: &str) -> &Value {
        self.0.pointer(reference.trim_start_matches('#')).unwrap()
    }

    /// Every place of the schema that may contain a text. Each is a body with only `text` there,
    /// and the pointer to it. The name of a member is a text too, if any is allowed; its pointer is
    /// that of the object.
    pub fn bodies_with(&self, schema: &Value, text: &str) -> Vec<(Value, String)> {
        let schema = schema["$ref"].as_str().map_or(schema, |name| self.named(name));
        if let Some(first) = schema["oneOf"].as_array().and_then(|any| any.first()) {
            return self.bodies_with(first, text);
        }
        let is = |kind: &str| {
            schema["type"] == kind || schema["type"].as_array().is_some_and(|any| any.contains(&json!(kind)))
        };
        let mut bodies = Vec::new();
        if is("string") {
            bodies.push((json!(text), String::new()));
        }
        if is("array") {
            let items = self.bodies_with(&schema["items"], text);
            bodies.extend(items.into_iter().map(|(item, pointer)| (json!([item]), format!("/0{pointer}"))));
        }
        for (name, member) in schema["properties"].as_object().unwrap_or(&Map::new()) {
            for (value, pointer) in self.bodies_with(member, text) {
                bodies.push((json!({ name: value }), format!("/{name}{pointer}")));
            }
        }
        if schema["additionalProperties"].is_object() {
            bodies.push((json!({ "any": text }), "/any".to_owned()));
            bodies.push((json!({ text: "any" }), String::new()));
        }
        bodies
    }
}

impl Operation {
    /// The path, with an id that names nothing.
    pub fn address(&self) -> String {
        self.path.replace("{id}", "00000000-0000-0000-0000-000000000001")
    }

    pub fn parameters(&self, location: &str) -> Vec<&Value> {
        let all = self.specification["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|parameter| parameter["in"] == location).collect()
    }
}
