//! Reads a body: strict JSON, then its canonical form, then a request.
//!
//! JSON does not define the meaning of a duplicate member or a large integer, and two programs may
//! read them differently. Such a body is refused here, so that the body that was fingerprinted is
//! the one that was read.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_path_to_error::Segment;

use crate::code::Code;
use crate::limits::{DEPTH_MAX, INTEGER_MAX};
use crate::problem::Problem;
use crate::requests::Request;
use crate::shape::{self, RequestPart};
use crate::validation_errors::ValidationErrors;

/// A body that is not accepted JSON, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedJson(pub String);

/// Reads a request's body. An empty body is an empty object if the request allows none.
pub fn parse<R: Request>(body: &[u8]) -> Result<Value, MalformedJson> {
    if body.is_empty() {
        let empty = R::BODY_IS_OPTIONAL.then(|| Value::Object(Map::new()));
        return empty.ok_or_else(|| MalformedJson("the body is missing".to_owned()));
    }
    let text = std::str::from_utf8(body).map_err(|error| MalformedJson(format!("not UTF-8: {error}")))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| MalformedJson(error.to_string()))
}

/// The canonical form by RFC 8785, from which the fingerprint of a request is made.
pub fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a value that was parsed can be written")
}

impl MalformedJson {
    pub fn problem(self, request_id: &str) -> Problem {
        let mut findings = ValidationErrors::default();
        findings.add("", self.0);
        findings.problem_of(Code::MalformedJson, request_id)
    }
}

/// Reads a request from the value, with all its mistakes by pointer. Card numbers are searched
/// first, in all of it, then control characters.
pub fn decode<R: Request>(value: Value) -> Result<R, ValidationErrors> {
    let mut findings = ValidationErrors::default();
    findings.card_numbers_in_body(&value, R::PHONES);
    findings.none_or(())?;
    let mut findings = ValidationErrors::default();
    findings.controls_in_body(&value);
    read(value, RequestPart::Body, findings)
}

/// Reads the parameters of a query as the members of an object. Their texts were checked before, in
/// the query as it was sent.
pub fn decode_query<R: Request>(query: &str) -> Result<R, ValidationErrors> {
    let mut findings = ValidationErrors::default();
    let mut members = Map::new();
    let types = crate::openapi::schema(&R::name()).map_or(&Value::Null, |schema| &schema["properties"]);
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let value = match (shape::kind(&types[&*name]), text.parse::<i64>()) {
            ("integer", Ok(number)) => number.into(),
            _ => text.into_owned().into(),
        };
        if members.insert(name.clone().into_owned(), value).is_some() {
            findings.add(format!("/{}", escape(&name)), "is given twice");
        }
    }
    read(Value::Object(members), RequestPart::Query, findings)
}

fn read<R: Request>(
    mut value: Value,
    part: RequestPart,
    mut findings: ValidationErrors,
) -> Result<R, ValidationErrors> {
    let mut reported: Vec<String> = findings.errors().iter().map(|error| error.pointer.clone()).collect();
    reported.extend(shape::repair(&R::name(), part, &mut value, &mut findings));
    let mut others = ValidationErrors::default();
    let request = serde_path_to_error::deserialize::<_, R>(value);
    match &request {
        Ok(request) if reported.is_empty() => {
            request.check(&mut others);
            request.check_together(&mut others);
        }
        Ok(request) => request.check(&mut others),
        // The document and the type disagree; the pointer is still reported.
        Err(error) => others.add(pointer(error.path()), "cannot be read"),
    }
    findings.take_from(others, |pointer| !shape::is_within(pointer, &reported));
    match request {
        Ok(request) => findings.none_or(request).map(R::canonical),
        Err(_) => Err(findings),
    }
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", escape(key)),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// A member's name as part of a pointer.
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: Error>(&self) -> Result<Strict, E> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(Strict { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX { Err(too_large()) } else { Ok(Value::Number(value.into())) }
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > INTEGER_MAX { Err(too_large()) } else { Ok(Value::Number(value.into())) }
    }
    /// An integer that was written with a point or an exponent arrives here and is still an integer
    /// (JSON Schema, Core, section 6.3); so does one with too many digits.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        if value.abs() > INTEGER_MAX as f64 {
            return Err(too_large());
        }
        if value.fract() == 0.0 {
            return Ok(Value::Number((value as i64).into()));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.inner()?)?;
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member {name:?} occurs twice")));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

fn too_large<E: Error>() -> E {
    E::custom("a number beyond 2^53 - 1 is read differently by different programs")
}

#[cfg(test)]
mod tests;
