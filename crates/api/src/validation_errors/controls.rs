//! Finds control characters in a request. PostgreSQL cannot store NUL but SQLite can; terminals,
//! logs and mail programs act on the others. Members that are added later are covered too.

use serde_json::Value;

use super::ValidationErrors;
use crate::json::escape;
use crate::text::is_control;

pub(super) const CONTROL: &str = "must not have control characters";

impl ValidationErrors {
    /// Checks every text of a body and the name of every member.
    pub fn controls_in_body(&mut self, body: &Value) {
        self.look_for_controls(body, "");
    }

    fn look_for_controls(&mut self, value: &Value, pointer: &str) {
        match value {
            Value::String(text) => self.no_control(text, pointer),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.look_for_controls(item, &format!("{pointer}/{index}"));
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    if name.contains(is_control) {
                        self.add(pointer, format!("the name of a member {CONTROL}"));
                    } else {
                        self.look_for_controls(member, &format!("{pointer}/{}", escape(name)));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Checks the names and the values of a query's parameters.
    pub fn controls_in_query(&mut self, query: &str) {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name.contains(char::is_control) {
                self.add("", format!("the name of a parameter {CONTROL}"));
            } else if value.contains(char::is_control) {
                self.add(format!("/{}", escape(&name)), CONTROL);
            }
        }
    }

    fn no_control(&mut self, text: &str, pointer: &str) {
        if text.contains(is_control) {
            self.add(pointer, CONTROL);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(findings: &ValidationErrors) -> Vec<&str> {
        findings.errors().iter().map(|error| error.pointer.as_str()).collect()
    }

    #[test]
    fn every_text_and_every_name_of_a_body() {
        for (body, expected) in [
            (json!("\0"), &[""][..]),
            (
                json!({ "a": "x\0y", "b": ["\u{1b}[2J", "fine"], "c": { "d/e": "\u{85}" } }),
                &["/a", "/b/0", "/c/d~1e"],
            ),
            (json!({ "metadata": { "a\0": "x" } }), &["/metadata"]),
            (json!({ "a": "line\r\n\tand line", "b": 1, "c": null }), &[]),
        ] {
            let mut findings = ValidationErrors::default();
            findings.controls_in_body(&body);
            assert_eq!(pointers(&findings), expected, "{body}");
        }
    }

    #[test]
    fn every_parameter_of_a_query() {
        for (query, expected) in [
            ("reference=a%00b&state=held", &["/reference"][..]),
            ("customer_email=%0Aana@example.com", &["/customer_email"]),
            ("a%00b=1", &[""]),
            ("a%2Fb=%7F", &["/a~1b"]),
            ("reference=a+b%20c%25", &[]),
            ("", &[]),
        ] {
            let mut findings = ValidationErrors::default();
            findings.controls_in_query(query);
            assert_eq!(pointers(&findings), expected, "{query}");
        }
    }
}
